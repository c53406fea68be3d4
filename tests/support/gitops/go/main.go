// What Flux makes of an object, by Flux's own code:
//
//	flux health EXPRESSIONS.json < objects.json   [{"kstatus": "Failed", "message": "...", "expressions": "Failed"}]
//	flux apply KUBECONFIG < objects.json          [{"subject": "ModelDeployment/ml/iris", "action": "unchanged"}]
//
// `objects.json` is a list of objects as the API server gives them, or as they are in Git.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/ssa"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

type health struct {
	Kstatus     string `json:"kstatus"`
	Message     string `json:"message"`
	Expressions string `json:"expressions"`
}

type change struct {
	Subject string `json:"subject"`
	Action  string `json:"action"`
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: flux health EXPRESSIONS.json | flux apply KUBECONFIG"))
	}
	objects, err := read(os.Stdin)
	if err != nil {
		fail(err)
	}
	var answer any
	switch os.Args[1] {
	case "health":
		answer, err = healthOf(objects, os.Args[2])
	case "apply":
		answer, err = apply(objects, os.Args[2])
	default:
		err = fmt.Errorf("no command %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Integers become int64, as in an informer's cache; plain encoding/json would make floats of them.
func read(reader io.Reader) ([]*unstructured.Unstructured, error) {
	data, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	objects := make([]*unstructured.Unstructured, len(list))
	for i, raw := range list {
		objects[i] = &unstructured.Unstructured{}
		if err := objects[i].UnmarshalJSON(raw); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

func healthOf(objects []*unstructured.Unstructured, path string) ([]health, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var expressions kustomize.HealthCheckExpressions
	if err := json.Unmarshal(data, &expressions); err != nil {
		return nil, err
	}
	evaluator, err := cel.NewStatusEvaluator(&expressions)
	if err != nil {
		return nil, err
	}
	answers := make([]health, len(objects))
	for i, object := range objects {
		computed, err := status.Compute(object)
		if err != nil {
			return nil, err
		}
		evaluated, err := evaluator.Evaluate(context.Background(), object)
		if err != nil {
			return nil, err
		}
		answers[i] = health{computed.Status.String(), computed.Message, evaluated.Status.String()}
	}
	return answers, nil
}

// As kustomize-controller applies: its field manager, and its clean-up of what kubectl wrote.
func apply(objects []*unstructured.Unstructured, kubeconfig string) ([]change, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	connected, err := client.New(config, client.Options{})
	if err != nil {
		return nil, err
	}
	owner := ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"}
	manager := ssa.NewResourceManager(connected, nil, owner)
	options := ssa.DefaultApplyOptions()
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
		},
	}
	set, err := manager.ApplyAll(context.Background(), objects, options)
	if err != nil {
		return nil, err
	}
	changes := make([]change, len(set.Entries))
	for i, entry := range set.Entries {
		changes[i] = change{entry.Subject, string(entry.Action)}
	}
	return changes, nil
}
