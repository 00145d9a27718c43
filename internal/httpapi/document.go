package httpapi

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// MergeOpenAPI joins OpenAPI documents into one, as YAML: the first with the paths,
// components and tags of the others, in their order. A path may have operations in
// several of them, and a component may be in several if it is the same in all; an
// operation or a different component that is there twice is an error. Components of
// one document can be used by any. A default security stays with the operations of
// its document.
func MergeOpenAPI(first []byte, more ...[]byte) ([]byte, error) {
	if len(more) == 0 {
		return first, nil
	}
	root, err := parseDocument(first)
	if err != nil {
		return nil, err
	}
	for _, text := range more {
		other, err := parseDocument(text)
		if err != nil {
			return nil, err
		}
		if err := mergeDocument(root, other); err != nil {
			return nil, fmt.Errorf("merge OpenAPI documents: %w", err)
		}
	}
	merged, err := yaml.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("write OpenAPI document: %w", err)
	}
	return merged, nil
}

func parseDocument(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("read OpenAPI document: it is no object")
	}
	return doc.Content[0], nil
}

func mergeDocument(root, other *yaml.Node) error {
	security := member(other, "security")
	for path, item := range members(member(other, "paths")) {
		if security != nil {
			keepSecurity(item, security)
		}
		known := child(child(root, "paths", yaml.MappingNode), path, yaml.MappingNode)
		if err := mergeMembers(known, item, path); err != nil {
			return err
		}
	}
	for section, components := range members(member(other, "components")) {
		known := child(child(root, "components", yaml.MappingNode), section, yaml.MappingNode)
		if err := mergeMembers(known, components, section); err != nil {
			return err
		}
	}
	if given := member(other, "tags"); given != nil {
		tags := child(root, "tags", yaml.SequenceNode)
		for _, tag := range given.Content {
			same := func(n *yaml.Node) bool { return text(member(n, "name")) == text(member(tag, "name")) }
			if !slices.ContainsFunc(tags.Content, same) {
				tags.Content = append(tags.Content, tag)
			}
		}
	}
	return nil
}

// mergeMembers adds members that are new, and refuses those that are there and differ.
func mergeMembers(to, from *yaml.Node, where string) error {
	for name, value := range members(from) {
		switch known := member(to, name); {
		case known == nil:
			to.Content = append(to.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
		case !equal(known, value):
			return fmt.Errorf("%s of %s is there twice", name, where)
		}
	}
	return nil
}

// keepSecurity writes a document's default security into operations without their own.
func keepSecurity(item, security *yaml.Node) {
	for name, operation := range members(item) {
		switch name {
		case "get", "put", "post", "delete", "options", "head", "patch", "trace":
			if member(operation, "security") == nil {
				operation.Content = append(operation.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "security"}, security)
			}
		}
	}
}

// members iterates over an object in its order. A nil node has none.
func members(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for pair := range slices.Chunk(n.Content, 2) {
			if !yield(pair[0].Value, pair[1]) {
				return
			}
		}
	}
}

func member(n *yaml.Node, name string) *yaml.Node {
	for key, value := range members(n) {
		if key == name {
			return value
		}
	}
	return nil
}

// child returns a member, which is made if it is not there.
func child(n *yaml.Node, name string, kind yaml.Kind) *yaml.Node {
	if c := member(n, name); c != nil {
		return c
	}
	c := &yaml.Node{Kind: kind}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, c)
	return c
}

func text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Value
}

func equal(a, b *yaml.Node) bool {
	var x, y any
	return a.Decode(&x) == nil && b.Decode(&y) == nil && reflect.DeepEqual(x, y)
}
