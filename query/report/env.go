package report

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
)

// env is what one compilation knows and collects.
type env struct {
	builder
	catalog *Catalog
	now     time.Time
	loc     *time.Location
	issues  *define.Issues
	// connections are those that the report reads.
	connections []Connection
	columns     []*column // in the order of their aliases
	exploded    []string  // groups
}

// use returns the column of a field, nil if there is no such field.
func (e *env) use(name, pointer string) *column {
	for _, c := range e.columns {
		if c.name == name {
			return c
		}
	}
	c := e.find(name, pointer)
	if c == nil {
		return nil
	}
	n := strconv.Itoa(len(e.columns))
	c.alias, c.element = "v"+n, "e"+n
	c.exploded = c.array && slices.Contains(e.exploded, c.group)
	e.columns = append(e.columns, c)
	return c
}

func (e *env) find(name, pointer string) *column {
	if b, ok := builtins[name]; ok {
		c := &column{name: name, label: b.label, typ: b.typ, expr: b.expr}
		if c.expr == "" {
			c.expr = e.attribute(name)
		}
		return c
	}
	f := e.catalog.Set.Fields[name]
	if f == nil {
		if name == "" {
			e.issues.Add(pointer, "required", "must name a field")
		} else {
			e.issues.Add(pointer, "undefined", "%q is no field: define it first, or use a built-in one", clip(name))
		}
		return nil
	}
	c, err := newColumn(f)
	if err != nil { // it was stored by a version with other rules
		e.issues.Add(pointer, "undefined", "the definition of %q is broken: its path %s", name, err)
		return nil
	}
	if e.allIn(c.scope) {
		c.scope = nil
	}
	return c
}

// allIn says whether every connection that is read is in a scope.
func (e *env) allIn(scope []uuid.UUID) bool {
	if len(scope) == 0 {
		return true
	}
	for _, c := range e.connections {
		if !slices.Contains(scope, c.ID) {
			return false
		}
	}
	return true
}

// attribute makes the expression for what all events of a connection share.
func (e *env) attribute(name string) string {
	ids := make([]string, 0, len(e.connections))
	values := make([]string, 0, len(e.connections))
	same := true
	for i := range e.connections {
		value, _ := attribute(&e.connections[i], name)
		ids = append(ids, e.connections[i].ID.String())
		values = append(values, value)
		same = same && value == values[0]
	}
	switch {
	case len(values) == 0:
		return "materialize('')"
	case same:
		// Not a constant for the engine: it drops constants from GROUPING SETS.
		return "materialize(" + e.bind(values[0]) + ")"
	}
	return "transform(toString(connection_id), " + e.bind(ids) + ", " + e.bind(values) + ", '')"
}

// scoped limits an expression to connections.
func (e *env) scoped(scope []uuid.UUID, expr, otherwise string) string {
	if len(scope) == 0 {
		return expr
	}
	return "if(connection_id IN " + e.bind(scope) + ", " + expr + ", " + otherwise + ")"
}

// expression is what stands for the column in the inner SELECT.
func (e *env) expression(c *column) string {
	otherwise := "NULL"
	switch {
	case c.exploded && len(c.scope) > 0:
		// As long as the other fields of the array, which go with it.
		return "arrayMap(x -> " + e.scoped(c.scope, "x", "NULL") + ", " + c.expr + ")"
	case c.array:
		otherwise = "[]"
	}
	return e.scoped(c.scope, c.expr, otherwise)
}

// narrow takes the filters that are about the connection itself out of those that
// must all hold, and applies them to the list of connections: so the engine reads
// only theirs. It returns the other filters with their places in the request.
func (e *env) narrow(filters []define.Filter) (rest []define.Filter, places []int) {
	for i := range filters {
		f := &filters[i]
		keep, ok := connectionFilter(f)
		if !ok {
			rest, places = append(rest, *f), append(places, i)
			continue
		}
		e.connections = slices.DeleteFunc(e.connections, func(c Connection) bool { return !keep(&c) })
	}
	return rest, places
}

// connectionFilter evaluates eq, ne, in and not_in on a connection's attributes.
func connectionFilter(f *define.Filter) (keep func(*Connection) bool, ok bool) {
	if _, known := attribute(&Connection{}, f.Field); !known || len(f.Values) == 0 || len(f.Values) > maxValues || f.And != nil || f.Or != nil {
		return nil, false
	}
	values := make(map[string]bool, len(f.Values))
	for _, v := range f.Values {
		values[v.Text] = true
	}
	want := f.Op == define.OpEq || f.Op == define.OpIn
	if !want && f.Op != define.OpNe && f.Op != define.OpNotIn {
		return nil, false
	}
	return func(c *Connection) bool {
		text, _ := attribute(c, f.Field)
		return values[text] == want
	}, true
}
