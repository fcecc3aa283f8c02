package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/resource/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
)

// caseLine is a line as it is written.
type caseLine struct {
	ID      json.RawMessage   `json:"id"`
	Objects []json.RawMessage `json:"objects"`
	Pod     json.RawMessage   `json:"pod"`
	Store   bool              `json:"store"`
}

// schedulingCase is a line whose objects are read and defaulted as the API server does.
type schedulingCase struct {
	objects []kruntime.Object
	pod     *v1.Pod
}

// strict rejects fields that the types do not have: a misspelt field would be a case that tests nothing.
var strict = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

var podKind = v1.SchemeGroupVersion.WithKind("Pod")

// parseLine reads the outer object. The id is kept even when the rest is wrong, for the answer.
func parseLine(line []byte) (caseLine, error) {
	var read caseLine
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return caseLine{ID: findID(line)}, fmt.Errorf("not a case: %w", err)
	}
	if len(read.Pod) == 0 {
		return read, fmt.Errorf("not a case: it has no pod")
	}
	return read, nil
}

// findID looks for the id in a line that is not a case, as far as it can be read.
func findID(line []byte) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(line))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil
		}
		if key == "id" {
			return value
		}
	}
	return nil
}

// readCase decodes and defaults the objects and the pod; the error names the object that is wrong.
func readCase(line caseLine) (schedulingCase, error) {
	var read schedulingCase
	for index, raw := range line.Objects {
		object, err := readObject(raw, nil)
		if err != nil {
			return read, fmt.Errorf("objects[%d]: %w", index, err)
		}
		read.objects = append(read.objects, object)
	}
	object, err := readObject(line.Pod, &podKind)
	if err != nil {
		return read, fmt.Errorf("pod: %w", err)
	}
	pod, isPod := object.(*v1.Pod)
	if !isPod {
		return read, fmt.Errorf("pod: it is a %T", object)
	}
	read.pod = pod
	return read, nil
}

func readObject(raw []byte, kind *schema.GroupVersionKind) (kruntime.Object, error) {
	object, found, err := strict.Decode(raw, kind, nil)
	if err != nil {
		return nil, err
	}
	object.GetObjectKind().SetGroupVersionKind(*found)
	legacyscheme.Scheme.Default(object)
	return object, complete(object)
}

// complete adds the metadata that storing an object adds and that the scheduler relies on.
func complete(object kruntime.Object) error {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	if accessor.GetName() == "" {
		return fmt.Errorf("it has no name")
	}
	if accessor.GetUID() == "" {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		accessor.SetUID(types.UID(fmt.Sprintf("%s/%s/%s", kind, accessor.GetNamespace(), accessor.GetName())))
	}
	return nil
}
