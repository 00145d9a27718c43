package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
	"github.com/tributary-events/tributary/query/sqlrun"
)

func itoa(i int) string { return strconv.Itoa(i) }

// adHoc refuses reports that are not saved to keys that may see only some.
func (a *api) adHoc(c *gin.Context) error {
	if !a.Allowed(c, "") {
		return problem.New(problem.Forbidden, "This API key may see only saved reports that were chosen for it.")
	}
	return nil
}

// asked compiles the report in the body of a request, for keys that may ask any.
func (a *api) asked(c *gin.Context) (*report.Plan, error) {
	if err := a.adHoc(c); err != nil {
		return nil, err
	}
	data, err := body(c)
	if err != nil {
		return nil, err
	}
	request, err := report.DecodeRequest(data)
	if err != nil {
		return nil, decodeError(data, err, "")
	}
	return a.compile(c.Request.Context(), request)
}

func (a *api) queryReport(c *gin.Context) error {
	plan, err := a.asked(c)
	if err != nil {
		return err
	}
	format, err := formatOf(c)
	if err != nil {
		return err
	}
	if format == formatJSON {
		result, err := a.Reports.Run(c.Request.Context(), plan)
		if err != nil {
			return err
		}
		return writeJSON(c, http.StatusOK, result)
	}
	return stream(c, format, func(header func([]report.Column) error, row func([]any) error) error {
		_, err := a.Reports.Stream(c.Request.Context(), plan, header, row)
		return err
	})
}

func (a *api) compile(ctx context.Context, request report.Request) (*report.Plan, error) {
	catalog, err := a.catalog(ctx)
	if err != nil {
		return nil, err
	}
	return report.Compile(request, catalog, a.Now())
}

func (a *api) queryFunnel(c *gin.Context) error {
	if err := a.adHoc(c); err != nil {
		return err
	}
	data, err := body(c)
	if err != nil {
		return err
	}
	request, err := report.DecodeFunnel(data)
	if err != nil {
		return decodeError(data, err, "")
	}
	result, err := a.funnel(c.Request.Context(), request)
	if err != nil {
		return err
	}
	return a.writeResult(c, result)
}

func (a *api) funnel(ctx context.Context, request report.FunnelRequest) (*report.Result, error) {
	catalog, err := a.catalog(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := report.CompileFunnel(request, catalog, a.Now())
	if err != nil {
		return nil, err
	}
	return a.Reports.RunFunnel(ctx, plan)
}

// writeResult writes a result that is in memory in the format that was asked for.
func (a *api) writeResult(c *gin.Context, result *report.Result) error {
	format, err := formatOf(c)
	if err != nil {
		return err
	}
	if format == formatJSON {
		return writeJSON(c, http.StatusOK, result)
	}
	return stream(c, format, func(header func([]report.Column) error, row func([]any) error) error {
		if err := header(result.Columns); err != nil {
			return err
		}
		for _, x := range result.Rows {
			if err := row(x); err != nil {
				return err
			}
		}
		return nil
	})
}

// savedBody is a saved report as it is sent.
type savedBody struct {
	Slug        string         `json:"slug"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Kind        string         `json:"kind"`
	Query       jsontext.Value `json:"query"`
	// Visualization is how the app shows it.
	Visualization string `json:"visualization"`
	readOnly
	unknown
}

func (a *api) listReports(c *gin.Context) error {
	set, err := a.Definitions.Set(c.Request.Context())
	if err != nil {
		return err
	}
	reports := slices.DeleteFunc(set.SortedReports(), func(s *define.Saved) bool { return !a.Allowed(c, s.Slug) })
	return writeJSON(c, http.StatusOK, list[*define.Saved]{Data: reports})
}

// saved returns the saved report of the URL. One that the key may not see is
// answered like one that does not exist.
func (a *api) saved(c *gin.Context) (*define.Saved, error) {
	set, err := a.Definitions.Set(c.Request.Context())
	if err != nil {
		return nil, err
	}
	s := set.Reports[c.Param("slug")]
	if s == nil || !a.Allowed(c, s.Slug) {
		return nil, define.ErrNotFound
	}
	return s, nil
}

func (a *api) getReport(c *gin.Context) error {
	s, err := a.saved(c)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, s)
}

func (a *api) putReport(c *gin.Context) error {
	var b savedBody
	if err := decode(c, &b); err != nil {
		return err
	}
	from := c.Param("slug")
	if b.Slug == "" {
		b.Slug = from
	}
	switch b.Kind {
	case "":
		b.Kind = define.SavedReport
	case define.SavedReport, define.SavedFunnel:
	default:
		return issue("/kind", "kind", "must be report or funnel")
	}
	if b.Visualization != "" && !slices.Contains(define.Visualizations(), b.Visualization) {
		return issue("/visualization", "oneof", "must be one of "+strings.Join(define.Visualizations(), ", "))
	}
	if len(b.Query) == 0 {
		return issue("/query", "required", "must be the body of a report or funnel request")
	}
	if b.Title == "" {
		b.Title = b.Slug
	}
	if len(b.Title) > 400 || len(b.Description) > 4000 {
		return issue("/title", "max", "and description must be at most 400 and 4000 bytes long")
	}
	s, err := a.Definitions.PutReport(c.Request.Context(), a.Who(c), from, define.Saved{
		Slug: b.Slug, Title: b.Title, Description: b.Description, Kind: b.Kind, Query: json.RawMessage(b.Query),
		Visualization: b.Visualization,
	})
	if err != nil {
		return err
	}
	a.cache.clear()
	return writeJSON(c, http.StatusOK, s)
}

// reportData answers a saved report for a dashboard.
func (a *api) reportData(c *gin.Context) error {
	s, err := a.saved(c)
	if err != nil {
		return err
	}
	overrides, err := readOverrides(c.Request.URL.Query())
	if err != nil {
		return err
	}
	key := s.Slug + "\x00" + itoa(int(s.Version)) + "\x00" + c.Request.URL.Query().Encode()
	result, tag, err := a.cache.get(c.Request.Context(), key, a.Now(), func(ctx context.Context) (*report.Result, error) {
		return a.runSaved(ctx, s, overrides)
	})
	if err != nil {
		return err
	}
	c.Header("ETag", tag)
	c.Header("Cache-Control", "private, max-age="+itoa(int(cacheFor.Seconds())))
	c.Header("Vary", "Authorization, Accept")
	if matches(c.GetHeader("If-None-Match"), tag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	return a.writeResult(c, result)
}

func (a *api) runSaved(ctx context.Context, s *define.Saved, o overrides) (*report.Result, error) {
	if s.Kind == define.SavedFunnel {
		f, err := report.DecodeFunnel(s.Query)
		if err != nil {
			return nil, decodeError(s.Query, err, "/query")
		}
		o.apply(&f.Time, &f.Filters, &f.Connections)
		return a.funnel(ctx, f)
	}
	r, err := report.DecodeRequest(s.Query)
	if err != nil {
		return nil, decodeError(s.Query, err, "/query")
	}
	o.apply(&r.Time, &r.Filters, &r.Connections)
	plan, err := a.compile(ctx, r)
	if err != nil {
		return nil, err
	}
	return a.Reports.Run(ctx, plan)
}

// overrides are the URL parameters of a saved report's data.
type overrides struct {
	time        report.Time
	filters     []define.Filter
	connections []string
}

// readOverrides reads from, to, granularity, timezone, connections (ids with commas
// between them), filters (JSON, as in a report) and filter.FIELD=VALUE, which may
// stand several times for any of the values.
func readOverrides(values url.Values) (overrides, error) {
	var o overrides
	var issues define.Issues
	for name, given := range values {
		last := given[len(given)-1]
		switch {
		case name == "from":
			o.time.From = last
		case name == "to":
			o.time.To = last
		case name == "granularity":
			o.time.Granularity = last
		case name == "timezone":
			o.time.Timezone = last
		case name == "connections":
			o.connections = strings.Split(last, ",")
		case name == "filters":
			filters, err := report.DecodeFilters([]byte(last))
			if err != nil {
				return o, decodeError([]byte(last), err, "/filters")
			}
			o.filters = append(o.filters, filters...)
		case strings.HasPrefix(name, "filter."):
			f := define.Filter{Field: strings.TrimPrefix(name, "filter."), Op: define.OpIn}
			for _, v := range given {
				f.Values = append(f.Values, define.Text(v))
			}
			o.filters = append(o.filters, f)
		default:
			issues.Add("/"+pointerToken(name), "unknown", "is no parameter of this path: use from, to, granularity, timezone, connections, filters or filter.FIELD")
		}
	}
	return o, issues.Err()
}

// apply puts the overrides into a report. Filters are added to its own, so that a
// reader sees less, never more.
func (o overrides) apply(t *report.Time, filters *[]define.Filter, connections *[]string) {
	for _, x := range []struct {
		to   *string
		from string
	}{{&t.From, o.time.From}, {&t.To, o.time.To}, {&t.Granularity, o.time.Granularity}, {&t.Timezone, o.time.Timezone}} {
		if x.from != "" {
			*x.to = x.from
		}
	}
	*filters = append(slices.Clone(*filters), o.filters...)
	if o.connections == nil {
		return
	}
	if len(*connections) == 0 {
		*connections = o.connections
		return
	}
	own := *connections
	*connections = slices.DeleteFunc(slices.Clone(o.connections), func(id string) bool { return !slices.Contains(own, id) })
	if len(*connections) == 0 { // an empty list would mean all
		*connections = []string{""}
	}
}

// sqlBody is the body of POST /sql.
type sqlBody struct {
	Query  string                   `json:"query"`
	Params map[string]define.Scalar `json:"params"`
	unknown
}

func (a *api) runSQL(c *gin.Context) error {
	var b sqlBody
	if err := decode(c, &b); err != nil {
		return err
	}
	request := sqlrun.Request{Query: b.Query, Params: make(map[string]string, len(b.Params))}
	for name, v := range b.Params {
		request.Params[name] = v.Text
	}
	format, err := formatOf(c)
	if err != nil {
		return err
	}
	if format == formatJSON {
		result, err := a.SQL.Run(c.Request.Context(), request)
		if err != nil {
			return err
		}
		return writeJSON(c, http.StatusOK, result)
	}
	return stream(c, format, func(header func([]report.Column) error, row func([]any) error) error {
		return a.SQL.Stream(c.Request.Context(), request, header, row)
	})
}
