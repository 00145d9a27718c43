package define_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tributary-events/tributary/query/define"
)

func TestParsePath(t *testing.T) {
	for text, want := range map[string]define.Path{
		"a":            {{Key: "a"}},
		"a.b":          {{Key: "a"}, {Key: "b"}},
		"items[].qty":  {{Key: "items", Arrays: 1}, {Key: "qty"}},
		`price\.net[]`: {{Key: "price.net", Arrays: 1}},
		`"".x`:         {{}, {Key: "x"}},
		`\""`:          {{Key: `""`}},
		"日本.`) --":     {{Key: "日本"}, {Key: "`) --"}},
		`a\[\].b\\c`:   {{Key: "a[]"}, {Key: `b\c`}},
		`""[].""`:      {{Arrays: 1}, {}},
	} {
		got, err := define.ParsePath(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"", ".", "a.", ".a", "a..b", `a\`, "a[", "a]", "a[0]", "[]", "a[][]", "a[]b", "a\x00b", "a\nb", `""a`, "\xff"} {
		if got, err := define.ParsePath(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestAWrittenPathIsReadAsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var path define.Path
		for range rapid.IntRange(1, 4).Draw(t, "n") {
			path = append(path, define.Step{
				Key:    rapid.StringMatching(`[a.\\\[\]" 日%^]{0,5}`).Draw(t, "key"),
				Arrays: rapid.IntRange(0, 1).Draw(t, "arrays"),
			})
		}
		got, err := define.ParsePath(path.String())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if diff := cmp.Diff(path, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", path, diff)
		}
	})
}
