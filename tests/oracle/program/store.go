package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/policy"
	"k8s.io/kubernetes/pkg/apis/scheduling"
	"k8s.io/kubernetes/pkg/apis/storage"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/replicationcontroller"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/storage/csidriver"
	"k8s.io/kubernetes/pkg/registry/storage/csinode"
	"k8s.io/kubernetes/pkg/registry/storage/csistoragecapacity"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattachment"
)

// storedCase is a case as an API server would hold it.
type storedCase struct {
	ID      json.RawMessage   `json:"id"`
	Objects []kruntime.Object `json:"objects"`
	Pod     kruntime.Object   `json:"pod"`
}

// endpoint is what the API server puts a kind through: on create, and on the update of its status, if it has one.
type endpoint struct {
	create rest.RESTCreateStrategy
	status rest.RESTUpdateStrategy
}

var endpoints = map[reflect.Type]endpoint{
	reflect.TypeFor[*core.Namespace]():             {namespace.Strategy, namespace.StatusStrategy},
	reflect.TypeFor[*core.Node]():                  {node.Strategy, node.StatusStrategy},
	reflect.TypeFor[*core.Pod]():                   {pod.Strategy, pod.StatusStrategy},
	reflect.TypeFor[*core.Service]():               {service.Strategy, service.StatusStrategy},
	reflect.TypeFor[*core.ReplicationController](): {replicationcontroller.Strategy, replicationcontroller.StatusStrategy},
	reflect.TypeFor[*core.PersistentVolume]():      {persistentvolume.Strategy, persistentvolume.StatusStrategy},
	reflect.TypeFor[*core.PersistentVolumeClaim](): {persistentvolumeclaim.Strategy, persistentvolumeclaim.StatusStrategy},
	reflect.TypeFor[*apps.ReplicaSet]():            {replicaset.Strategy, replicaset.StatusStrategy},
	reflect.TypeFor[*apps.StatefulSet]():           {statefulset.Strategy, statefulset.StatusStrategy},
	reflect.TypeFor[*policy.PodDisruptionBudget](): {poddisruptionbudget.Strategy, poddisruptionbudget.StatusStrategy},
	reflect.TypeFor[*storage.StorageClass]():       {storageclass.Strategy, nil},
	reflect.TypeFor[*storage.CSINode]():            {csinode.Strategy, csinode.StatusStrategy},
	reflect.TypeFor[*storage.CSIDriver]():          {csidriver.Strategy, nil},
	reflect.TypeFor[*storage.CSIStorageCapacity](): {csistoragecapacity.Strategy, nil},
	reflect.TypeFor[*storage.VolumeAttachment]():   {volumeattachment.Strategy, volumeattachment.StatusStrategy},
	reflect.TypeFor[*scheduling.PriorityClass]():   {priorityclass.Strategy, nil},
}

// The time at which a volume changes its phase is the only thing that storing makes up.
func init() {
	moment := metav1.NewTime(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC))
	persistentvolume.NowFunc = func() metav1.Time { return moment }
}

// storeCase puts each object through what the API server does with it, except admission; the error is its refusal.
func storeCase(asked caseLine) (*storedCase, error) {
	read, err := readCase(asked)
	if err != nil {
		return nil, err
	}
	stored := &storedCase{ID: asked.ID, Objects: []kruntime.Object{}}
	for index, object := range read.objects {
		object, err := store(object)
		if err != nil {
			return nil, fmt.Errorf("objects[%d]: %w", index, err)
		}
		stored.Objects = append(stored.Objects, object)
	}
	if stored.Pod, err = store(read.pod); err != nil {
		return nil, fmt.Errorf("pod: %w", err)
	}
	return stored, nil
}

func store(given kruntime.Object) (kruntime.Object, error) {
	kind := given.GetObjectKind().GroupVersionKind()
	wanted, err := convert(given, schema.GroupVersion{Group: kind.Group, Version: kruntime.APIVersionInternal})
	if err != nil {
		return nil, err
	}
	through, known := endpoints[reflect.TypeOf(wanted)]
	if !known {
		return nil, fmt.Errorf("storing a %s is not supported", kind.Kind)
	}
	accessor, err := meta.Accessor(given)
	if err != nil {
		return nil, err
	}
	object, err := through.admit(wanted, genericapirequest.RequestInfo{
		IsResourceRequest: true,
		APIGroup:          kind.Group,
		APIVersion:        kind.Version,
		Namespace:         accessor.GetNamespace(),
		Name:              accessor.GetName(),
	})
	if err != nil {
		return nil, err
	}
	stored, err := convert(object, kind.GroupVersion())
	if err != nil {
		return nil, err
	}
	stored.GetObjectKind().SetGroupVersionKind(kind)
	return stored, keepSystemMetadata(stored, accessor)
}

// admit creates the object and then sets its status, as its controller or a kubelet would.
func (through endpoint) admit(wanted kruntime.Object, request genericapirequest.RequestInfo) (kruntime.Object, error) {
	ctx := genericapirequest.WithNamespace(context.Background(), request.Namespace)
	created := wanted.DeepCopyObject()
	accessor, err := meta.Accessor(created)
	if err != nil {
		return nil, err
	}
	rest.FillObjectMetaSystemFields(accessor)
	accessor.SetDeletionTimestamp(nil)
	accessor.SetDeletionGracePeriodSeconds(nil)
	if err := rest.BeforeCreate(through.create, genericapirequest.WithRequestInfo(ctx, &request), created); err != nil || through.status == nil {
		return created, err
	}
	accessor.SetResourceVersion("1")
	updated := created.DeepCopyObject()
	statusOf(updated).Set(statusOf(wanted))
	request.Subresource = "status"
	return updated, rest.BeforeUpdate(through.status, genericapirequest.WithRequestInfo(ctx, &request), updated, created)
}

func statusOf(object kruntime.Object) reflect.Value {
	return reflect.ValueOf(object).Elem().FieldByName("Status")
}

// keepSystemMetadata takes what a server would have made up, or what time has brought, from the case instead.
func keepSystemMetadata(stored kruntime.Object, given metav1.Object) error {
	accessor, err := meta.Accessor(stored)
	if err != nil {
		return err
	}
	accessor.SetUID(given.GetUID())
	accessor.SetResourceVersion(given.GetResourceVersion())
	accessor.SetCreationTimestamp(given.GetCreationTimestamp())
	accessor.SetDeletionTimestamp(given.GetDeletionTimestamp())
	accessor.SetDeletionGracePeriodSeconds(given.GetDeletionGracePeriodSeconds())
	return nil
}

func convert(object kruntime.Object, version schema.GroupVersion) (kruntime.Object, error) {
	return legacyscheme.Scheme.ConvertToVersion(object, version)
}
