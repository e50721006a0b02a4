//go:build tools

// Package kubeconform names the program that holds manifests against schemas; go.mod and go.sum pin it.
package kubeconform

import _ "github.com/yannh/kubeconform/cmd/kubeconform"
