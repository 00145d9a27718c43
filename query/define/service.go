package define

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	jsonv2 "github.com/go-json-experiment/json"
)

// Validate says why a conversion or saved report of a set cannot be used, nil =
// it can. It is asked before a change whether the change would break another
// definition.
type Validate func(set *Set, kind Kind, name string) error

// Config of a Service. Conn and Validate are required.
type Config struct {
	// Conn's default database holds the tables.
	Conn     driver.Conn
	Validate Validate
	// Refresh is how old a Set may be: other collectors' changes are seen after
	// that long. 0 = one second.
	Refresh time.Duration
	// Changed is called after every change made here. Nil: nobody is told.
	Changed func()
	// Now is the clock: nil = time.Now.
	Now func() time.Time
}

// Service reads and changes definitions. All methods are safe for concurrent use.
//
// Changes of one process are made one after the other; between collectors the
// last write of a definition wins, and both stay in its history.
type Service struct {
	cfg      Config
	store    store
	changing sync.Mutex
	loading  sync.Mutex
	cached   atomic.Pointer[cached]
}

type cached struct {
	set      *Set
	versions map[string]uint64 // by kind and name, deleted ones included
	at       time.Time
}

// NewService returns a service that has loaded nothing yet.
func NewService(cfg Config) (*Service, error) {
	if cfg.Conn == nil || cfg.Validate == nil {
		return nil, errors.New("definitions need a connection and a validator")
	}
	if cfg.Refresh == 0 {
		cfg.Refresh = time.Second
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, store: store{cfg.Conn}}, nil
}

// Set returns all definitions, as of at most Refresh ago. Errors wrap ErrUnavailable.
func (s *Service) Set(ctx context.Context) (*Set, error) {
	if c := s.cached.Load(); c != nil && s.cfg.Now().Sub(c.at) < s.cfg.Refresh {
		return c.set, nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if c := s.cached.Load(); c != nil && s.cfg.Now().Sub(c.at) < s.cfg.Refresh {
		return c.set, nil // another request has loaded it meanwhile
	}
	c, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	return c.set, nil
}

// load needs s.loading.
func (s *Service) load(ctx context.Context) (*cached, error) {
	at := s.cfg.Now()
	rows, err := s.store.newest(ctx)
	if err != nil {
		return nil, err
	}
	c := &cached{set: NewSet(), versions: make(map[string]uint64, len(rows)), at: at}
	for i := range rows {
		r := &rows[i]
		c.versions[key(r.kind, r.name)] = r.version
		if r.deleted {
			continue
		}
		if err := r.decode(c.set); err != nil {
			return nil, err
		}
	}
	s.cached.Store(c)
	return c, nil
}

func key(kind Kind, name string) string { return string(kind) + "/" + name }

// PutField saves a field under its name. from is the name it had so far; another
// one renames it. Errors: *InvalidError, *InUseError unless force, ErrNotFound for
// an unknown from, ErrUnavailable.
func (s *Service) PutField(ctx context.Context, who, from string, f Field, force bool) (*Field, error) {
	if err := f.Check().Err(); err != nil {
		return nil, err
	}
	path, err := ParsePath(f.Path)
	if err != nil {
		return nil, err
	}
	f.Path = path.String() // one way of writing it
	set, err := s.change(ctx, who, KindField, from, f.Name, &f, force)
	if err != nil {
		return nil, err
	}
	return set.Fields[f.Name], nil
}

// PutConversion saves a conversion; see PutField. Its filters are checked by Validate.
func (s *Service) PutConversion(ctx context.Context, who, from string, c Conversion, force bool) (*Conversion, error) {
	if err := c.Check().Err(); err != nil {
		return nil, err
	}
	set, err := s.change(ctx, who, KindConversion, from, c.Name, &c, force)
	if err != nil {
		return nil, err
	}
	return set.Conversions[c.Name], nil
}

// PutReport saves a report under its slug; see PutField. Its query is checked by Validate.
func (s *Service) PutReport(ctx context.Context, who, from string, r Saved) (*Saved, error) {
	if message := CheckSlug(r.Slug); message != "" {
		return nil, &InvalidError{[]Issue{{Field: "slug", Pointer: "/slug", Code: "name", Message: message}}}
	}
	set, err := s.change(ctx, who, KindReport, from, r.Slug, &r, true)
	if err != nil {
		return nil, err
	}
	return set.Reports[r.Slug], nil
}

// Delete deletes a definition. Errors: ErrNotFound, *InUseError unless force, ErrUnavailable.
func (s *Service) Delete(ctx context.Context, who string, kind Kind, name string, force bool) error {
	_, err := s.change(ctx, who, kind, name, "", nil, force)
	return err
}

// History returns the versions of a definition, newest first, also of a deleted
// one. Errors: ErrNotFound, ErrUnavailable.
func (s *Service) History(ctx context.Context, kind Kind, name string) ([]Revision, error) {
	rows, err := s.store.history(ctx, kind, name)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	out := make([]Revision, len(rows))
	for i, r := range rows {
		out[i] = Revision{Change: Change{r.version, r.by, r.at}, Deleted: r.deleted}
		if !r.deleted {
			out[i].Definition = r.body
		}
	}
	return out, nil
}

// change makes the definition from into one called to; an empty to deletes it. A
// change that has begun is finished even if the caller goes away.
func (s *Service) change(ctx context.Context, who string, kind Kind, from, to string, definition any, force bool) (*Set, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	ctx = context.WithoutCancel(ctx)
	s.loading.Lock()
	old, err := s.load(ctx)
	s.loading.Unlock()
	if err != nil {
		return nil, err
	}
	exists := func(name string) bool { return old.set.has(kind, name) }
	if (to == "" || from != to) && !exists(from) {
		return nil, ErrNotFound
	}
	if to != "" && from != to && exists(to) {
		return nil, &InvalidError{[]Issue{{Field: "name", Pointer: "/name", Code: "taken", Message: "is the name of another " + string(kind)}}}
	}
	if to != "" && !exists(from) && old.set.count(kind) >= MaxDefinitions {
		return nil, &InvalidError{[]Issue{{Field: "name", Pointer: "/name", Code: "max", Message: fmt.Sprintf("would be more than %d definitions of its kind", MaxDefinitions)}}}
	}
	rows, err := s.versions(old, who, kind, from, to, definition)
	if err != nil {
		return nil, err
	}
	set := old.set.clone()
	for i := range rows {
		if rows[i].deleted {
			set.remove(kind, rows[i].name)
		} else if err := rows[i].decode(set); err != nil {
			return nil, err
		}
	}
	if to != "" && kind != KindField {
		if err := s.cfg.Validate(set, kind, to); err != nil {
			return nil, err
		}
	}
	if !force {
		if uses := s.broken(old.set, set, kind, from, to); len(uses) > 0 {
			return nil, &InUseError{Uses: uses}
		}
	}
	if err := s.store.save(ctx, rows); err != nil {
		s.cached.Store(nil) // it may have reached the store all the same
		return nil, err
	}
	versions := maps.Clone(old.versions)
	for _, r := range rows {
		versions[key(r.kind, r.name)] = r.version
	}
	s.cached.Store(&cached{set: set, versions: versions, at: s.cfg.Now()})
	s.cfg.Changed()
	return set, nil
}

// versions returns the rows that a change adds.
func (s *Service) versions(old *cached, who string, kind Kind, from, to string, definition any) ([]row, error) {
	now := s.cfg.Now().UTC().Truncate(time.Microsecond)
	next := func(name string) row {
		// Clocks of two collectors may disagree: never below what it replaces.
		return row{kind: kind, name: name, by: who, at: now, version: max(uint64(now.UnixMicro()), old.versions[key(kind, name)]+1)}
	}
	var rows []row
	if to != "" {
		r := next(to)
		body, err := json.Marshal(definition)
		if err != nil {
			return nil, fmt.Errorf("encode %s %s: %w", kind, to, err)
		}
		r.body = body
		rows = append(rows, r)
	}
	if from != to {
		r := next(from)
		r.deleted = true
		rows = append(rows, r)
	}
	return rows, nil
}

// broken returns what the old set could use and the new one cannot.
func (s *Service) broken(old, changed *Set, kind Kind, from, to string) []Use {
	var uses []Use
	check := func(k Kind, name string) {
		if k == kind && (name == from || name == to) {
			return
		}
		if s.cfg.Validate(old, k, name) != nil {
			return // was broken before
		}
		if err := s.cfg.Validate(changed, k, name); err != nil {
			uses = append(uses, Use{Kind: k, Name: name, Reason: err.Error()})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.Conversions)) {
		check(KindConversion, name)
	}
	for _, name := range slices.Sorted(maps.Keys(old.Reports)) {
		check(KindReport, name)
	}
	return uses
}

func (s *Set) has(kind Kind, name string) bool {
	ok := false
	switch kind {
	case KindField:
		_, ok = s.Fields[name]
	case KindConversion:
		_, ok = s.Conversions[name]
	case KindReport:
		_, ok = s.Reports[name]
	}
	return ok
}

func (s *Set) count(kind Kind) int {
	switch kind {
	case KindField:
		return len(s.Fields)
	case KindConversion:
		return len(s.Conversions)
	default:
		return len(s.Reports)
	}
}

func (s *Set) remove(kind Kind, name string) {
	switch kind {
	case KindField:
		delete(s.Fields, name)
	case KindConversion:
		delete(s.Conversions, name)
	case KindReport:
		delete(s.Reports, name)
	}
}

// unmarshal reads what has Scalars in it.
func unmarshal(data []byte, into any) error { return jsonv2.Unmarshal(data, into) }
