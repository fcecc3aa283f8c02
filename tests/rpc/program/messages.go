package main

import (
	"fmt"
	"sort"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
)

// Field numbers of the autoscaler's expander.proto.
const (
	requestOptions      = 1
	requestNodeMap      = 2
	requestNodeBytesMap = 3

	optionNodeGroup = 1
	optionNodeCount = 2
	optionDebug     = 3
	optionPod       = 4
	optionPodBytes  = 5

	mapKey   = 1
	mapValue = 2

	responseOptions = 1
)

// question is one call of BestOptions.
type question struct {
	Options []option               `json:"options"`
	Nodes   map[string]corev1.Node `json:"nodes"`
}

type option struct {
	NodeGroup string       `json:"nodeGroupId"`
	NodeCount int32        `json:"nodeCount"`
	Debug     string       `json:"debug"`
	Pods      []corev1.Pod `json:"pods"`
}

// forms tells which fields hold nodes and pods.
var forms = map[string]struct{ nodes, pods []protowire.Number }{
	"old":  {[]protowire.Number{requestNodeMap}, []protowire.Number{optionPod}},
	"new":  {[]protowire.Number{requestNodeBytesMap}, []protowire.Number{optionPodBytes}},
	"both": {[]protowire.Number{requestNodeMap, requestNodeBytesMap}, []protowire.Number{optionPod, optionPodBytes}},
}

func (asked question) encode(form string) ([]byte, error) {
	fields, known := forms[form]
	if !known {
		return nil, fmt.Errorf("no form is called %q", form)
	}
	var request []byte
	for _, each := range asked.Options {
		message, err := each.encode(fields.pods)
		if err != nil {
			return nil, err
		}
		request = appendBytes(request, requestOptions, message)
	}
	names := make([]string, 0, len(asked.Nodes))
	for name := range asked.Nodes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		node := asked.Nodes[name]
		data, err := node.Marshal()
		if err != nil {
			return nil, fmt.Errorf("node of %s: %w", name, err)
		}
		entry := appendBytes(appendBytes(nil, mapKey, []byte(name)), mapValue, data)
		for _, field := range fields.nodes {
			request = appendBytes(request, field, entry)
		}
	}
	return request, nil
}

func (each option) encode(fields []protowire.Number) ([]byte, error) {
	message := appendBytes(nil, optionNodeGroup, []byte(each.NodeGroup))
	message = protowire.AppendTag(message, optionNodeCount, protowire.VarintType)
	message = protowire.AppendVarint(message, uint64(each.NodeCount))
	message = appendBytes(message, optionDebug, []byte(each.Debug))
	for _, field := range fields {
		for i := range each.Pods {
			data, err := each.Pods[i].Marshal()
			if err != nil {
				return nil, fmt.Errorf("pod %d of %s: %w", i, each.NodeGroup, err)
			}
			message = appendBytes(message, field, data)
		}
	}
	return message, nil
}

// groups are the ids of the node groups in a BestOptionsResponse, in order.
func groups(response []byte) ([]string, error) {
	found := []string{}
	err := eachField(response, func(number protowire.Number, option []byte) error {
		if number != responseOptions {
			return nil
		}
		return eachField(option, func(number protowire.Number, value []byte) error {
			if number == optionNodeGroup {
				found = append(found, string(value))
			}
			return nil
		})
	})
	return found, err
}

// eachField shows every length-delimited field of a message.
func eachField(message []byte, show func(protowire.Number, []byte) error) error {
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		if length < 0 {
			return protowire.ParseError(length)
		}
		message = message[length:]
		length = protowire.ConsumeFieldValue(number, kind, message)
		if length < 0 {
			return protowire.ParseError(length)
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if err := show(number, value); err != nil {
				return err
			}
		}
		message = message[length:]
	}
	return nil
}

func appendBytes(message []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(message, number, protowire.BytesType), value)
}
