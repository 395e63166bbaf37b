{{/* Names and labels. Of an entry: a dict `root`, `name`, `entry` (merged with the defaults), and `labels` if it has more. */}}

{{- define "stratoscope.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* With the name of an entry, of 23 letters at most, it is the name of a Service: 63 letters, no dot, no digit at first.
Two long names that differ at their ends stay two. */}}
{{- define "stratoscope.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $full = .Values.fullnameOverride | default (ternary (printf "%s-%s" $name $full) $full (regexMatch "^[0-9]" $full)) -}}
{{- $full = replace "." "-" $full -}}
{{- ternary $full (printf "%s-%s" ($full | trunc 30 | trimSuffix "-") ($full | sha256sum | trunc 8)) (le (len $full) 39) -}}
{{- end -}}

{{/* One map of several, in which a later one counts: a key that stands twice is refused by kustomize, and so by Flux. */}}
{{- define "stratoscope.joined" -}}
{{- $joined := dict -}}
{{- range . -}}
{{- range $key, $value := . -}}
{{- $_ := set $joined $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $joined -}}
{{- end -}}

{{/* Labels of an object: a list of the root, and of maps with more. */}}
{{- define "stratoscope.labels" -}}
{{- $root := first . -}}
{{- $chart := $root.Chart -}}
{{- $own := dict
    "app.kubernetes.io/name" (include "stratoscope.name" $root)
    "app.kubernetes.io/version" $chart.AppVersion
    "app.kubernetes.io/managed-by" $root.Release.Service
    "app.kubernetes.io/part-of" "stratoscope"
    "helm.sh/chart" (printf "%s-%s" $chart.Name $chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
-}}
{{- $fixed := dict "app.kubernetes.io/instance" $root.Release.Name -}}
{{- include "stratoscope.joined" (concat (list $own $root.Values.commonLabels) (rest .) (list $fixed)) -}}
{{- end -}}

{{/* By what a workload, a Service or a monitor finds the pods of an entry: no value changes it, as a Deployment's cannot be. */}}
{{- define "stratoscope.entry.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
stratoscope/entry: {{ .name | quote }}
{{- end -}}

{{- define "stratoscope.entry.labels" -}}
{{- $component := dict "app.kubernetes.io/component" .entry.exporter -}}
{{- include "stratoscope.labels" (list .root $component .labels (dict "stratoscope/entry" .name)) -}}
{{- end -}}

{{- define "stratoscope.entry.fullname" -}}
{{- printf "%s-%s" (include "stratoscope.fullname" .root) .name -}}
{{- end -}}

{{- define "stratoscope.entry.metadata" -}}
name: {{ include "stratoscope.entry.fullname" . }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "stratoscope.entry.labels" . | nindent 2 }}
{{- end -}}
