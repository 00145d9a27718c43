package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// addConfigFile makes the keys of the YAML file, if one is named, the values of
// flags that neither the command line nor the environment gives.
func addConfigFile(parser *kong.Kong, args []string, lookupEnv func(string) (string, bool)) error {
	path, ok := configPath(args, lookupEnv)
	if !ok {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(data, &values); err != nil {
		return fmt.Errorf("configuration file %s: %w", path, err)
	}
	known := map[string]bool{}
	for _, f := range allFlags(parser.Model.Node) {
		known[f.Name] = true
	}
	var wrong []error
	texts := map[string]string{}
	for key, v := range values {
		name := strings.ReplaceAll(key, "_", "-")
		switch v.(type) {
		case string, int, float64, bool:
			texts[name] = fmt.Sprint(v)
		case nil:
		default:
			wrong = append(wrong, fmt.Errorf("key %q must be a single value", key))
		}
		if !known[name] || name == "help" || name == "config" {
			wrong = append(wrong, fmt.Errorf("unknown key %q: keys are the names of the flags, see 'tributary serve --help'", key))
		}
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return fmt.Errorf("configuration file %s:\n%w", path, errors.Join(wrong...))
	}
	resolver := kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, env := range flag.Envs {
			if _, set := lookupEnv(env); set {
				return nil, nil
			}
		}
		if text, ok := texts[flag.Name]; ok {
			return text, nil
		}
		return nil, nil
	})
	return kong.Resolvers(resolver).Apply(parser)
}

// configPath finds the file before the flags are parsed, because it decides their values.
func configPath(args []string, lookupEnv func(string) (string, bool)) (string, bool) {
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			return v, true
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1], true
		}
	}
	v, ok := lookupEnv("TRIBUTARY_CONFIG")
	return v, ok && v != ""
}

func allFlags(n *kong.Node) []*kong.Flag {
	flags := slices.Clone(n.Flags)
	for _, child := range n.Children {
		flags = append(flags, allFlags(child)...)
	}
	return flags
}
