{{/* Names and labels. Of an entry: a dict `root`, `name`, `entry` (merged with the defaults). */}}

{{- define "stratoscope.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "stratoscope.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
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

{{/* By what a workload, a Service or a monitor finds the pods of an entry: never changed, as a Deployment's cannot be. */}}
{{- define "stratoscope.entry.selector" -}}
app.kubernetes.io/name: {{ include "stratoscope.name" .root }}
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
