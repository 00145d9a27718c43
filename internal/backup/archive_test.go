package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var manifest = Manifest{Program: "tributary test", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}

func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	folder := t.TempDir()
	write(t, folder, files)
	var b bytes.Buffer
	if err := Pack(&b, folder, manifest); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRoundTrip(t *testing.T) {
	want := map[string]string{".backup": "<xml>", "data/a/b.bin": strings.Repeat("\x00\xff", 100_000), "empty": ""}
	folder := filepath.Join(t.TempDir(), "new")
	m, err := Unpack(bytes.NewReader(packed(t, want)), folder)
	if err != nil {
		t.Fatal(err)
	}
	m.Format = 0
	if diff := cmp.Diff(manifest, m); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, files(t, folder)); diff != "" {
		t.Error(diff)
	}
}

// Cut off anywhere, or with any byte of a file changed, an archive is refused.
func TestDamage(t *testing.T) {
	whole := packed(t, map[string]string{"a": strings.Repeat("a", 700), "b/c": "c"})
	end := bytes.Index(whole, []byte(sumsName))
	for cut := 0; cut < end; cut += 97 {
		if _, err := Unpack(bytes.NewReader(whole[:cut]), t.TempDir()); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	at := bytes.Index(whole, []byte("aaaa"))
	for _, i := range []int{at, at + 1, at + 699} {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x20
		if _, err := Unpack(bytes.NewReader(changed), t.TempDir()); !errors.Is(err, ErrDamaged) {
			t.Errorf("changed at %d: %v", i, err)
		}
	}
}

func TestNothingIsWrittenOutside(t *testing.T) {
	for name, kind := range map[string]byte{
		"../out": tar.TypeReg, "files/../../out": tar.TypeReg, "/out": tar.TypeReg, "files//out": tar.TypeReg,
		"files/link": tar.TypeSymlink, "other": tar.TypeReg,
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		head := []byte(`{"format":1}`)
		for _, h := range []*tar.Header{
			{Typeflag: tar.TypeReg, Name: manifestName, Size: int64(len(head)), Mode: 0o600},
			{Typeflag: kind, Name: name, Linkname: "/etc", Mode: 0o600},
		} {
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			if h.Size > 0 {
				if _, err := w.Write(head); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		parent := t.TempDir()
		if _, err := Unpack(&b, filepath.Join(parent, "a", "b")); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if found := files(t, parent); len(found) > 0 {
			t.Errorf("%s: written %v", name, found)
		}
	}
	if _, err := Unpack(strings.NewReader(""), t.TempDir()); !errors.Is(err, ErrDamaged) {
		t.Errorf("nothing: %v", err)
	}
}
