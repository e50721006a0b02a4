//go:build tools

// Package helm names Helm, with which the tests install the chart; go.mod and go.sum pin it.
package helm

import _ "helm.sh/helm/v3/cmd/helm"
