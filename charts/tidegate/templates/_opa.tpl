{{/* The policy server that stands beside each service that asks: same pod, loopback only, bundles checked by signature. */}}

{{- define "tidegate.opaFiles" -}}
{{- range $name := list "authz.rego" "config.yaml" "log.rego" }}
{{ $name }}: |
  {{- $.root.Files.Get (printf "files/opa/%s" $name) | trim | nindent 2 }}
{{- end }}
bundle.pem: |
  {{- .root.Values.policy.bundlePublicKey | trim | nindent 2 }}
{{- end }}

{{- define "tidegate.opaArgs" -}}
{{ .root.Files.Get "files/opa/args.yaml" | fromYamlArray | toYaml }}
{{- if .root.Values.objectStore.caConfigMap }}
- --set=services.store.tls.ca_cert=/etc/tidegate-store/ca.crt
{{- end }}
{{- end }}

{{- define "tidegate.opaContainer" -}}
- name: opa
  image: {{ .root.Values.images.opa }}
  imagePullPolicy: {{ .root.Values.imagePullPolicy }}
  args:
    {{- include "tidegate.opaArgs" . | nindent 4 }}
  env:
    - name: TIDEGATE_BUNDLE_STORE
      value: {{ .root.Values.objectStore.endpoint }}
    - name: TIDEGATE_BUNDLE_REGION
      value: {{ .root.Values.objectStore.region }}
    - name: TIDEGATE_BUNDLE_BUCKET
      value: tidegate-bundles
    - name: TIDEGATE_BUNDLE_ALGORITHM
      value: {{ .root.Values.policy.bundleAlgorithm }}
  ports:
    - name: opa-health
      containerPort: 8282
  # No readiness: a policy server that is down must not take the pages from people and the hub from open workspaces. The
  # service beside it refuses what has to be asked, and says why.
  livenessProbe:
    httpGet:
      path: /health
      port: opa-health
    initialDelaySeconds: 5
    periodSeconds: 10
    timeoutSeconds: 5
  resources:
    {{- toYaml .root.Values.opa.resources | nindent 4 }}
  securityContext:
    {{- include "tidegate.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - name: opa-files
      mountPath: /etc/opa
      readOnly: true
    - name: opa-secrets
      mountPath: /run/secrets/opa
      readOnly: true
    - name: opa-state
      mountPath: /var/lib/opa
    {{- if .root.Values.objectStore.caConfigMap }}
    - name: store-ca
      mountPath: /etc/tidegate-store
      readOnly: true
    {{- end }}
{{- end }}

{{/* `secret` is the asking service's own: its token is the only one this server answers. */}}
{{- define "tidegate.opaVolumes" -}}
- name: opa-files
  configMap:
    name: {{ .root.Release.Name }}-opa
- name: opa-secrets
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .secret }}
          items:
            - key: opa-token
              path: token.yaml
      - secret:
          name: {{ .root.Values.opa.existingSecret }}
          items:
            - key: credentials
              path: credentials
- name: opa-state
  emptyDir:
    sizeLimit: 256Mi
{{- end }}
