{{/* Names, labels and the parts that every pod of ours has. Each takes a dict: root, and component where it is of one. */}}

{{- define "tidegate.name" -}}
{{ printf "%s-%s" .root.Release.Name .component }}
{{- end }}

{{/* What selectors name. Never changed: selectors are immutable. */}}
{{- define "tidegate.selector" -}}
app.kubernetes.io/name: tidegate
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "tidegate.labels" -}}
{{ include "tidegate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: tidegate
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "tidegate.metadata" -}}
name: {{ include "tidegate.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "tidegate.labels" . | nindent 2 }}
{{- end }}

{{/* Hosts, from the one address people are given. */}}
{{- define "tidegate.host" -}}
{{ (urlParse .Values.publicUrl).hostname }}
{{- end }}

{{- define "tidegate.reviewUrl" -}}
{{- $url := urlParse .Values.publicUrl -}}
{{ printf "%s://review.%s" $url.scheme $url.host }}
{{- end }}

{{/* Security of a pod and of each of its containers. */}}
{{- define "tidegate.podSecurity" -}}
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
runAsGroup: 10001
runAsNonRoot: true
runAsUser: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tidegate.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsGroup: 10001
runAsNonRoot: true
runAsUser: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Head of a pod's spec. A token only where `token` is true: most of our pods never speak to the Kubernetes API. */}}
{{- define "tidegate.podSpec" -}}
serviceAccountName: {{ .account | default .component }}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: {{ .links | default false }}
securityContext:
  {{- include "tidegate.podSecurity" . | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Pods start anew when their settings change. */}}
{{- define "tidegate.podMetadata" -}}
labels:
  {{- include "tidegate.labels" . | nindent 2 }}
annotations:
  tidegate.dev/settings: {{ (.settings | default "") | sha256sum }}
  {{- if .opa }}
  tidegate.dev/opa: {{ printf "%s%s" (include "tidegate.opaFiles" .) (include "tidegate.opaArgs" .) | sha256sum }}
  {{- end }}
{{- end }}

{{/* What every service of ours is told through its environment. No secret is: those are files. */}}
{{- define "tidegate.environment" -}}
- name: TIDEGATE_MODE
  value: kubernetes
- name: TIDEGATE_NAMESPACE
  value: {{ .root.Release.Namespace }}
- name: TIDEGATE_RELEASE
  value: {{ .root.Release.Name }}
- name: TIDEGATE_SETTINGS
  value: /etc/tidegate/settings.json
- name: TIDEGATE_SECRETS
  value: /run/secrets/tidegate
{{- end }}

{{- define "tidegate.mounts" -}}
- name: settings
  mountPath: /etc/tidegate
  readOnly: true
- name: secrets
  mountPath: /run/secrets/tidegate
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if .root.Values.objectStore.caConfigMap }}
- name: store-ca
  mountPath: /etc/tidegate-store
  readOnly: true
{{- end }}
{{- end }}

{{/* `secrets` is a list of dicts: secret, keys (each mounted under its own name), optionally folder. */}}
{{- define "tidegate.volumes" -}}
- name: settings
  configMap:
    name: {{ include "tidegate.name" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .secrets }}
      {{- $folder := .folder | default "" }}
      - secret:
          name: {{ .secret }}
          items:
            {{- range .keys }}
            - key: {{ . }}
              path: {{ printf "%s%s" $folder . }}
            {{- end }}
      {{- end }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .tmp | default "256Mi" }}
{{- with .root.Values.objectStore.caConfigMap }}
- name: store-ca
  configMap:
    name: {{ . }}
{{- end }}
{{- end }}

{{- define "tidegate.storeCa" -}}
{{ if .Values.objectStore.caConfigMap }}/etc/tidegate-store/ca.crt{{ end }}
{{- end }}
