{{/* The pod of an entry, the same for a DaemonSet and a Deployment. Its labels have no version of the chart: an update
that changes nothing else restarts no pod. */}}
{{- define "stratoscope.entry.pod" -}}
{{- $entry := .entry -}}
{{- $hosts := eq $entry.exporter "hypervisor" -}}
{{- $stateful := include "stratoscope.entry.stateful" . -}}
{{- include "stratoscope.entry.checked" . -}}
metadata:
  labels:
    {{- $own := dict "app.kubernetes.io/component" $entry.exporter "app.kubernetes.io/part-of" "stratoscope" }}
    {{- with regexFind "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$" (default "" $entry.monitor.cloud) }}{{ $_ := set $own "cloud" . }}{{ end }}
    {{- $selector := include "stratoscope.entry.selector" . | fromYaml }}
    {{- include "stratoscope.joined" (list $own .root.Values.commonLabels $entry.podLabels $selector) | nindent 4 }}
  annotations:
    {{- $notes := dict "kubectl.kubernetes.io/default-container" "exporter" }}
    {{- if not $entry.existingConfigMap }}
    {{- $_ := set $notes "checksum/config" (toYaml $entry.config | sha256sum) }}
    {{- end }}
    {{- include "stratoscope.joined" (list $notes $entry.podAnnotations) | nindent 4 }}
spec:
  {{- include "stratoscope.entry.pullSecrets" . | indent 2 }}
  serviceAccountName: {{ include "stratoscope.entry.serviceAccount" . | quote }}
  automountServiceAccountToken: {{ $entry.automountServiceAccountToken }}
  enableServiceLinks: false
  {{- with $entry.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- if $entry.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- with $entry.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "" $entry.hostNetwork) }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with $entry.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $entry.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $entry.terminationGracePeriodSeconds }}
  securityContext:
    {{- $security := deepCopy ($entry.podSecurityContext | default dict) }}
    {{- if $hosts }}
    {{- $_ := set $security "supplementalGroups" (append (get $security "supplementalGroups" | default list) (int64 $entry.libvirtGroupId) | uniq) }}
    {{- end }}
    {{- toYaml $security | nindent 4 }}
  {{- include "stratoscope.entry.nodes" . | indent 2 }}
  {{- with $entry.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $entry.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml $entry.topologySpreadConstraints | nindent 4 }}
  {{- else if and (not $hosts) (gt (int $entry.replicas) 1) }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "stratoscope.entry.selector" . | nindent 10 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "stratoscope.entry.image" . | quote }}
      imagePullPolicy: {{ $entry.image.pullPolicy }}
      args:
        - {{ $entry.exporter }}
        - --config.file=/etc/stratoscope/stratoscope.yml
        - --web.listen-address=:{{ include "stratoscope.entry.port" . }}
        - --log.level={{ $entry.logLevel }}
        - --log.format={{ $entry.logFormat }}
        {{- if $entry.webConfigSecret }}
        - --web.config.file=/etc/stratoscope-web/web.yml
        {{- end }}
        {{- if $hosts }}
        - --path.procfs=/host/proc
        - --path.sysfs=/host/sys
        - --path.cgroup=/host/cgroup
        - --host.name=$(NODE_NAME)
        {{- end }}
        {{- if $stateful }}
        - --storage.path=/var/lib/stratoscope
        {{- end }}
        {{- range $entry.extraArgs }}
        - {{ . | quote }}
        {{- end }}
      {{- if or $hosts $entry.extraEnv }}
      env:
        {{- if $hosts }}
        - name: NODE_NAME
          valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
        {{- end }}
        {{- with $entry.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with $entry.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: {{ include "stratoscope.entry.port" . }}
          protocol: TCP
      {{- range $kind, $path := dict "liveness" "/-/healthy" "readiness" "/-/ready" "startup" "/-/ready" }}
      {{- with get $entry.probes $kind }}
      {{ $kind }}Probe:
        {{- include "stratoscope.entry.probe" (list $entry $path) | nindent 8 }}
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- with $entry.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $entry.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - {name: config, mountPath: /etc/stratoscope, readOnly: true}
        {{- if $entry.webConfigSecret }}
        - {name: web, mountPath: /etc/stratoscope-web, readOnly: true}
        {{- end }}
        {{- range $i, $secret := $entry.secrets }}
        - {name: secret-{{ $i }}, mountPath: {{ $secret.mountPath | quote }}, readOnly: true}
        {{- end }}
        {{- if $stateful }}
        - {name: state, mountPath: /var/lib/stratoscope}
        {{- end }}
        {{- if $hosts }}
        - {name: libvirt, mountPath: /run/libvirt, readOnly: true, mountPropagation: HostToContainer}
        - {name: proc, mountPath: /host/proc, readOnly: true}
        - {name: sys, mountPath: /host/sys, readOnly: true}
        - {name: cgroup, mountPath: /host/cgroup, readOnly: true}
        {{- end }}
        {{- with $entry.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ $entry.existingConfigMap | default (include "stratoscope.entry.fullname" .) | quote }}}
    {{- with $entry.webConfigSecret }}
    - name: web
      secret: {secretName: {{ . | quote }}, defaultMode: 0440}
    {{- end }}
    {{- range $i, $secret := $entry.secrets }}
    - name: secret-{{ $i }}
      secret:
        secretName: {{ $secret.name | quote }}
        defaultMode: 0440
        {{- with $secret.items }}
        items:
          {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- end }}
    {{- if $stateful }}
    - name: state
      {{- if $entry.persistence.enabled }}
      persistentVolumeClaim: {claimName: {{ $entry.persistence.existingClaim | default (include "stratoscope.entry.fullname" .) | quote }}}
      {{- else }}
      emptyDir: {}
      {{- end }}
    {{- end }}
    {{- if $hosts }}
    - name: libvirt
      hostPath: {path: {{ $entry.libvirtSocketFolder | quote }}, type: Directory}
    - name: proc
      hostPath: {path: /proc, type: Directory}
    - name: sys
      hostPath: {path: /sys, type: Directory}
    - name: cgroup
      hostPath: {path: /sys/fs/cgroup, type: Directory}
    {{- end }}
    {{- with $entry.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Where it may run; also the pod that tests it. */}}
{{- define "stratoscope.entry.nodes" -}}
{{- with .entry.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .entry.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Fails where a folder would hide another, without a word once the pod is there, or a configuration is not read. */}}
{{- define "stratoscope.entry.checked" -}}
{{- $name := .name -}}
{{- $entry := .entry -}}
{{- if and $entry.existingConfigMap $entry.config -}}
{{- fail (printf "exporters.%s.existingConfigMap: %s, beside config; allowed: one of them" $name $entry.existingConfigMap) -}}
{{- end -}}
{{- $taken := list "/etc/stratoscope" "/etc/stratoscope-web" "/var/lib/stratoscope" -}}
{{- if eq $entry.exporter "hypervisor" -}}
{{- $taken = concat $taken (list "/run/libvirt" "/host/proc" "/host/sys" "/host/cgroup") -}}
{{- end -}}
{{- range $key := list "secrets" "extraVolumeMounts" -}}
{{- range $i, $mount := get $entry $key | default list -}}
{{- $folder := trimSuffix "/" (get $mount "mountPath" | toString) -}}
{{- if has $folder $taken -}}
{{- fail (printf "exporters.%s.%s[%d].mountPath: %s is taken; allowed: a folder of its own" $name $key $i $mount.mountPath) -}}
{{- end -}}
{{- $taken = append $taken $folder -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* How a probe asks. A page asks for the log-in of the web configuration, which Kubernetes does not have. */}}
{{- define "stratoscope.entry.probe" -}}
{{- $entry := index . 0 -}}
{{- if $entry.webConfigSecret -}}
tcpSocket: {port: metrics}
{{- else -}}
httpGet: {path: {{ index . 1 }}, port: metrics}
{{- end -}}
{{- end -}}

{{- define "stratoscope.entry.serviceAccount" -}}
{{- if .entry.serviceAccount.create -}}
{{- .entry.serviceAccount.name | default (include "stratoscope.entry.fullname" .) -}}
{{- else -}}
{{- .entry.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}
