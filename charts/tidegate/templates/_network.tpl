{{/* Peers and ports of the network policies. Each policy opens what its service needs and nothing else. */}}

{{- define "tidegate.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tidegate.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tidegate.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end }}

{{/* One of our own pods, in the release's namespace. */}}
{{- define "tidegate.peer" -}}
podSelector:
  matchLabels:
    {{- include "tidegate.selector" . | nindent 4 }}
{{- end }}

{{/* Workspaces, wherever their project is: the label on the namespace is one that only the provisioner may set. */}}
{{- define "tidegate.workspaces" -}}
namespaceSelector:
  matchExpressions:
    - key: tidegate.dev/project
      operator: Exists
podSelector:
  matchLabels:
    tidegate.dev/role: workspace
{{- end }}

{{/* Addresses outside the cluster: a dict of cidrs and port. */}}
{{- define "tidegate.outside" -}}
- to:
    {{- range .cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - port: {{ .port }}
      protocol: TCP
{{- end }}

{{- define "tidegate.toComponent" -}}
- to:
    - {{ include "tidegate.peer" . | nindent 6 | trim }}
  ports:
    - port: {{ .port }}
      protocol: TCP
{{- end }}

{{- define "tidegate.toDns" -}}
{{- with .Values.dns }}
{{- if .enabled }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace }}
      podSelector:
        matchLabels:
          {{- toYaml (.podLabels | default (dict "k8s-app" "kube-dns")) | nindent 10 }}
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}
{{- end }}
{{- end }}

{{/* Whoever collects metrics may reach this port; nobody where no namespace is named. */}}
{{- define "tidegate.fromMetrics" -}}
{{- with .root.Values.metrics.namespaces }}
- from:
    {{- range . }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ . }}
    {{- end }}
  ports:
    - port: {{ $.port }}
      protocol: TCP
{{- end }}
{{- end }}
