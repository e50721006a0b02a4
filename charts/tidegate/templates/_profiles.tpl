{{/* What workspaces may run on, as `tidegate.model.Profile` reads it: `standard`, then those of the values. */}}
{{- define "tidegate.profiles" -}}
{{- $workspace := .Values.workspace -}}
{{- $most := dict "cpus" $workspace.most.cpus "memoryMib" $workspace.most.memoryMebibytes "gpus" 0 -}}
{{- $standard := dict
  "name" "standard"
  "image" .Values.images.workspace
  "nodeSelector" $workspace.nodeSelector
  "tolerations" $workspace.tolerations
  "most" $most -}}
{{- $profiles := list $standard -}}
{{- range $workspace.profiles }}
{{- $own := .most | default dict -}}
{{- $here := dict
  "cpus" ($own.cpus | default $most.cpus)
  "memoryMib" ($own.memoryMebibytes | default $most.memoryMib)
  "gpus" (ternary ($own.gpus | default 0) 0 (not (empty .gpuResource))) -}}
{{- $profiles = append $profiles (dict
  "name" .name
  "image" .image
  "nodeSelector" (.nodeSelector | default dict)
  "tolerations" (.tolerations | default list)
  "runtimeClass" (.runtimeClass | default "")
  "gpuResource" (.gpuResource | default "")
  "most" $here) -}}
{{- end }}
{{- mustToJson $profiles -}}
{{- end }}

{{/* For admission, in CEL: the repositories of workspaces, and what else a profile lets a pod have. */}}
{{- define "tidegate.repositories" -}}
{{- $images := list .Values.images.services .Values.images.session .Values.images.workspace -}}
{{- range .Values.workspace.profiles }}{{ $images = append $images .image }}{{ end -}}
{{- $named := list -}}
{{- range $images }}{{ $named = append $named (printf "'%s@'" (first (splitList "@" .))) }}{{ end -}}
{{ $named | uniq | join ", " }}
{{- end }}

{{- define "tidegate.runtimeClasses" -}}
{{- $named := list "''" -}}
{{- range .Values.workspace.profiles }}{{ $named = append $named (.runtimeClass | default "" | squote) }}{{ end -}}
{{ $named | uniq | join ", " }}
{{- end }}

{{- define "tidegate.gpuResources" -}}
{{- $named := list -}}
{{- range .Values.workspace.profiles }}{{ if .gpuResource }}{{ $named = append $named (squote .gpuResource) }}{{ end }}{{ end -}}
{{ $named | uniq | join ", " }}
{{- end }}

{{- define "tidegate.profileBounds" -}}
{{- $rows := list -}}
{{- range include "tidegate.profiles" . | fromJsonArray }}
{{- $rows = append $rows (printf "'%s': [%.3f, %.3f, %.3f]" .name (float64 .most.cpus) (float64 .most.memoryMib) (float64 .most.gpus)) -}}
{{- end -}}
{{ join ", " $rows }}
{{- end }}

{{- define "tidegate.profileWords" -}}
{{- $rows := list -}}
{{- range include "tidegate.profiles" . | fromJsonArray }}
{{- $rows = append $rows (printf "%s (%v cores, %d MiB, %d GPU)" .name .most.cpus (int64 .most.memoryMib) (int64 .most.gpus)) -}}
{{- end -}}
{{ join ", " $rows }}
{{- end }}
