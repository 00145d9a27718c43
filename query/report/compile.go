package report

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
)

// Plan is a compiled report.
type Plan struct {
	// Range is what the report reads; a zero end is open.
	Range Range
	// Columns are the result's, in order.
	Columns []Column
	// Previous is the plan of the period before, nil without compare.
	Previous *Plan

	env      *env
	request  *Request
	original Request // with all its filters
	limit    int
	buckets  buckets
	keys     []int64 // all buckets, with fill or compare
	dims     []*column
	metrics  []*metric
	where    string // inner
	having   string // on exploded values
	orders   []order
}

type order struct {
	index      int // of the column
	descending bool
}

// Compile checks a request and compiles it. now is what relative times count from.
// The error is an *define.InvalidError with everything that is wrong.
func Compile(request Request, catalog Catalog, now time.Time) (*Plan, error) {
	issues := &define.Issues{}
	r, loc := request.Time.resolve(now, issues)
	p := &Plan{
		Range: r, request: &request, original: request,
		env: &env{catalog: &catalog, now: now, loc: loc, issues: issues, connections: slices.Clone(catalog.Connections)},
	}
	if request.Time.Granularity != "" {
		p.buckets = buckets{request.Time.Granularity, loc}
		p.Columns = append(p.Columns, p.buckets.column())
	}
	p.chooseConnections()
	places := p.narrow()
	p.dimensions()
	for i, text := range request.Metrics {
		if i >= maxMetrics {
			issues.Add("/metrics", "max", "must be at most %d", maxMetrics)
			break
		}
		pointer := "/metrics/" + strconv.Itoa(i)
		if slices.Index(request.Metrics, text) < i {
			issues.Add(pointer, "duplicate", "%q is there already", clip(text))
			continue
		}
		if m := p.env.metric(text, pointer); m != nil {
			p.metrics = append(p.metrics, m)
			p.Columns = append(p.Columns, m.column)
		}
	}
	if len(request.Metrics) == 0 {
		issues.Add("/metrics", "required", "must name at least one metric, such as count")
	}
	p.filters(places)
	p.order()
	p.limits()
	p.periods(catalog, now)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (b buckets) column() Column {
	c := Column{Name: "time", Type: "date", Label: "Time"}
	if b.fine() {
		c.Type = "datetime"
	}
	return c
}

// chooseConnections applies the request's list of connections.
func (p *Plan) chooseConnections() {
	if len(p.request.Connections) == 0 {
		return
	}
	wanted := map[uuid.UUID]bool{}
	for i, text := range p.request.Connections {
		id, err := uuid.Parse(text)
		known := slices.ContainsFunc(p.env.connections, func(c Connection) bool { return c.ID == id })
		if err != nil || !known {
			p.env.issues.Add("/connections/"+strconv.Itoa(i), "undefined", "%q is the id of no connection", clip(text))
		}
		wanted[id] = true
	}
	p.env.connections = slices.DeleteFunc(p.env.connections, func(c Connection) bool { return !wanted[c.ID] })
}

// narrow keeps the filters that SQL has to apply, and their places in the request.
func (p *Plan) narrow() []int {
	rest, places := p.env.narrow(p.request.Filters)
	p.request.Filters = rest
	return places
}

func (p *Plan) dimensions() {
	e := p.env
	names := p.request.Dimensions
	if len(names) > maxDimensions {
		e.issues.Add("/dimensions", "max", "must be at most %d", maxDimensions)
		names = names[:maxDimensions]
	}
	// Which arrays are exploded must be known before any of their fields is used.
	for _, name := range names {
		if f := e.catalog.Set.Fields[name]; f != nil {
			if c, err := newColumn(f); err == nil && c.array && !slices.Contains(e.exploded, c.group) {
				e.exploded = append(e.exploded, c.group)
			}
		}
	}
	for i, name := range names {
		pointer := "/dimensions/" + strconv.Itoa(i)
		if slices.Index(names, name) < i {
			e.issues.Add(pointer, "duplicate", "%q is there already", clip(name))
			continue
		}
		if c := e.use(name, pointer); c != nil {
			p.dims = append(p.dims, c)
			p.Columns = append(p.Columns, Column{c.name, string(c.typ), c.label})
		}
	}
}

// filters compiles the request's filters, those on exploded values apart: they are
// about one element, which there is only after the explosion.
func (p *Plan) filters(places []int) {
	predicates := &predicates{env: p.env}
	var inner, outer []string
	for i := range p.request.Filters {
		f := &p.request.Filters[i]
		condition := predicates.one(f, "/filters/"+strconv.Itoa(places[i]), 0)
		if predicates.count > maxFilters {
			break
		}
		names := map[string]bool{}
		define.FieldsOf([]define.Filter{*f}, names)
		exploded := slices.ContainsFunc(p.env.columns, func(c *column) bool { return c.exploded && names[c.name] })
		if exploded {
			outer = append(outer, condition)
		} else {
			inner = append(inner, condition)
		}
	}
	p.where = strings.Join(inner, "\n    AND ")
	p.having = strings.Join(outer, "\n  AND ")
}

func (p *Plan) order() {
	for i, o := range p.request.Order {
		pointer := "/order/" + strconv.Itoa(i)
		index := slices.IndexFunc(p.Columns, func(c Column) bool { return c.Name == o.By })
		if index < 0 {
			p.env.issues.Add(pointer+"/by", "undefined", "%q is no column of this report", clip(o.By))
		}
		switch o.Dir {
		case "", "asc", "desc":
		default:
			p.env.issues.Add(pointer+"/dir", "direction", "must be asc or desc")
		}
		p.orders = append(p.orders, order{index, o.Dir == "desc"})
	}
	if len(p.request.Order) > maxMetrics {
		p.env.issues.Add("/order", "max", "must be at most %d", maxMetrics)
	}
	groups := len(p.Columns) - len(p.metrics)
	if len(p.orders) == 0 && p.buckets.granularity == "" && groups > 0 && len(p.metrics) > 0 {
		p.orders = append(p.orders, order{groups, true})
	}
	// What is left decides between equals, so that the answer is always the same.
	for i := range groups {
		if !slices.ContainsFunc(p.orders, func(o order) bool { return o.index == i }) {
			p.orders = append(p.orders, order{i, false})
		}
	}
}

func (p *Plan) limits() {
	p.limit = DefaultLimit
	if l := p.request.Limit; l != nil {
		if *l < 1 || *l > MaxLimit {
			p.env.issues.Add("/limit", "range", "must be between 1 and %d", MaxLimit)
		}
		p.limit = *l
	}
}

// periods prepares fill and compare.
func (p *Plan) periods(catalog Catalog, now time.Time) {
	r, issues := p.request, p.env.issues
	compare := r.Compare != ""
	if compare && r.Compare != "previous_period" {
		issues.Add("/compare", "compare", "must be previous_period")
		compare = false
	}
	if r.Fill && p.buckets.granularity == "" {
		issues.Add("/fill", "fill", "needs a time granularity")
	}
	if !r.Fill && !compare {
		return
	}
	if r.Time.From == "" {
		issues.Add("/time/from", "required", "must be given with fill and compare")
	}
	if r.Time.To == "" {
		p.Range.End = now
	}
	if issues.Len() > 0 {
		return
	}
	if !p.Range.Start.Before(p.Range.End) {
		issues.Add("/time/from", "range", "must be before now where to is absent")
		return
	}
	if p.buckets.granularity != "" && !p.list() {
		issues.Add("/time/granularity", "range", "makes more than %d buckets of this range: choose a coarser one", MaxBuckets)
		return
	}
	if !compare {
		return
	}
	before := p.original
	before.Compare, before.Fill, before.Order = "", false, nil
	previous, err := Compile(before, catalog, now)
	if err != nil {
		issues.Add("/compare", "compare", "cannot be compiled: %s", err)
		return
	}
	previous.Range = previous.env.previous(p.Range, p.buckets.granularity)
	if previous.buckets.granularity != "" && !previous.list() {
		issues.Add("/time/granularity", "range", "makes more than %d buckets of this range: choose a coarser one", MaxBuckets)
	}
	previous.limit = 0
	p.Previous = previous
	for _, m := range p.metrics {
		c := m.column
		c.Name, c.Label = "previous("+c.Name+")", c.Label+", previous period"
		p.Columns = append(p.Columns, c)
	}
}

func (e *env) previous(r Range, granularity string) Range { return previous(r, granularity, e.loc) }

func (p *Plan) list() bool {
	keys, ok := p.buckets.list(p.Range)
	p.keys = keys
	return ok
}
