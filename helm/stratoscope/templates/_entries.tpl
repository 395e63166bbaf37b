{{/* The entries of `exporters`, each with its defaults, as JSON: {NAME: {...}}. Maps are merged, all else is replaced.
An entry that is null is none: so does a values file take away what another one has. */}}
{{- define "stratoscope.entries" -}}
{{- $entries := dict -}}
{{- range $name, $own := .Values.exporters -}}
{{- if $own -}}
{{- $merged := dict "into" (deepCopy $.Values.defaults.all) -}}
{{- range list (get $.Values.defaults $own.exporter) $own -}}
{{- include "stratoscope.merge" (list $merged.into .) -}}
{{- end -}}
{{- include "stratoscope.whole" (list $name $merged.into) -}}
{{- $_ := set $entries $name $merged.into -}}
{{- end -}}
{{- end -}}
{{- toJson $entries -}}
{{- end -}}

{{/* Helm takes a default away where values have null instead, and templates stand on these. */}}
{{- define "stratoscope.whole" -}}
{{- $gone := list -}}
{{- $needed := "automountServiceAccountToken config hostNetwork httpRoute image imagePullSecrets ingress logFormat logLevel networkPolicy persistence podDisruptionBudget probes replicas service serviceAccount terminationGracePeriodSeconds" -}}
{{- range splitList " " $needed -}}
{{- if not (hasKey (index $ 1) .) -}}{{- $gone = append $gone . -}}{{- end -}}
{{- end -}}
{{- if $gone -}}
{{- fail (printf "exporters.%s: null in defaults.all took away %s; allowed: other values of them" (index . 0) (join ", " $gone)) -}}
{{- end -}}
{{- end -}}

{{/* Put the keys of the second map into the first. Null takes a key away, as Helm itself does.
Sprig's own merge does not replace by false, 0 or an empty list. */}}
{{- define "stratoscope.merge" -}}
{{- $into := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $into $key)) -}}
{{- include "stratoscope.merge" (list (get $into $key) $value) -}}
{{- else if kindIs "invalid" $value -}}
{{- $_ := unset $into $key -}}
{{- else -}}
{{- $_ := set $into $key (deepCopy (list $value) | first) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "stratoscope.ports" -}}
{hypervisor: 10971, management: 10972, vmprobe: 10973, downtime: 10974}
{{- end -}}

{{/* What each exporter is: a DaemonSet runs on each host, one with state keeps a folder that one process locks. */}}
{{- define "stratoscope.entry.port" -}}
{{- get (include "stratoscope.ports" . | fromYaml) .entry.exporter -}}
{{- end -}}

{{- define "stratoscope.entry.servicePort" -}}
{{- .entry.service.port | default (include "stratoscope.entry.port" .) -}}
{{- end -}}

{{- define "stratoscope.entry.stateful" -}}
{{- if has .entry.exporter (list "vmprobe" "downtime") }}true{{ end -}}
{{- end -}}

{{- define "stratoscope.entry.image" -}}
{{- $image := .entry.image -}}
{{- $registry := .root.Values.global.imageRegistry | default $image.registry -}}
{{- if not $registry -}}
{{- fail (printf "exporters.%s: no registry with images is known: set global.imageRegistry or defaults.all.image.registry" .name) -}}
{{- end -}}
{{- $repository := $image.repository | default (printf "stratoscope-%s" .entry.exporter) -}}
{{- $of := ternary (printf "@%s" $image.digest) (printf ":%s" ($image.tag | default .root.Chart.AppVersion)) (ne $image.digest "") -}}
{{- $full := printf "%s/%s%s" $registry $repository $of -}}
{{- $registry := `([A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]+)?` -}}
{{- if not (regexMatch (printf `^%s(/[a-z0-9]+([-._]+[a-z0-9]+)*)+(:[A-Za-z0-9_][-.A-Za-z0-9_]*|@sha256:[0-9a-f]+)$` $registry) $full) -}}
{{- fail (printf "exporters.%s.image: %s; allowed: such as registry.example.org/stratoscope-%s:0.2.0; see global.imageRegistry" .name $full .entry.exporter) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{- define "stratoscope.entry.pullSecrets" -}}
{{- $names := list -}}
{{- range concat (.root.Values.global.imagePullSecrets | default list) .entry.imagePullSecrets -}}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end -}}
{{- end -}}
{{- with uniq $names }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}
