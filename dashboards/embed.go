// Package dashboards owns the web app: its sources (a Vite project), and the
// handler that serves the built app out of the binary.
//
// Invariants:
//   - The Go code builds and its tests pass without the built app: dist is always
//     there, the app in dist/app only after "npm run build". A binary without it
//     answers every page with 503 and says how to build it.
//   - A missing file is a 404, never the app's HTML: pages are known by their first
//     path segment, everything else has to be a file.
//   - No file changes under its name once it is hashed, so browsers keep it for
//     ever; index.html is asked for each time and carries a fresh nonce.
package dashboards

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the built app's files, with index.html at the root, and for each
// text file its compressed forms beside it (.br, .gz). It is nil if the binary was
// made without the app.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist/app")
	if err != nil {
		return nil
	}
	if _, err := fs.Stat(files, "index.html"); err != nil {
		return nil
	}
	return files
}
