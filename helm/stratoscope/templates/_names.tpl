{{/* Names and labels. Of an entry: a dict `root`, `name`, `entry` (merged with the defaults). */}}

{{- define "stratoscope.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* With the name of an entry, of 23 letters at most, it is the name of a Service: 63 letters, and no dot. */}}
{{- define "stratoscope.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $full | replace "." "-" | trunc 39 | trimSuffix "-" -}}
{{- end -}}

{{- define "stratoscope.labels" -}}
app.kubernetes.io/name: {{ include "stratoscope.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: stratoscope
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* By what a workload, a Service or a monitor finds the pods of an entry: no value changes it, as a Deployment's cannot be. */}}
{{- define "stratoscope.entry.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
stratoscope/entry: {{ .name }}
{{- end -}}

{{- define "stratoscope.entry.labels" -}}
{{ include "stratoscope.labels" .root }}
app.kubernetes.io/component: {{ .entry.exporter }}
stratoscope/entry: {{ .name }}
{{- end -}}

{{- define "stratoscope.entry.fullname" -}}
{{- printf "%s-%s" (include "stratoscope.fullname" .root) .name -}}
{{- end -}}

{{- define "stratoscope.entry.metadata" -}}
name: {{ include "stratoscope.entry.fullname" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "stratoscope.entry.labels" . | nindent 2 }}
{{- end -}}
