package importer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// targets writes a plan's columns in short: name=target:type/date.
func targets(p *Plan) string {
	var out []string
	for _, c := range p.Columns {
		text := c.Name + "=" + strings.TrimPrefix(c.Target, "event_payload")
		if c.Type != "" {
			text += ":" + c.Type
		}
		if c.Date != "" {
			text += "/" + c.Date
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func codes(questions []Question) string {
	var out []string
	for _, q := range questions {
		text := q.Code
		if q.Code == "date" {
			text += "(" + strings.Join(q.Choices, ",") + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestGuess(t *testing.T) {
	s := newService(t, newMemory())
	for name, test := range map[string]struct {
		file  string
		given *Plan
		want  string
		open  string
		event string // the first
	}{
		"a shop's": {
			file:  "Order ID,Created at,Email,Total,customer.country,customer.zip,VIP\n17,2025-12-08 10:00,a@b.de,1.50,DE,01234,true\n",
			want:  "Order ID=event_id Created at=event_timestamp/iso Email=event_email Total=.Total:number customer.country=.customer.country:string customer.zip=.customer.zip:string VIP=.VIP:boolean",
			event: `{"event_id":"17","event_timestamp":"2025-12-08T10:00:00.000Z","event_email":"a@b.de","event_payload":{"Total":1.50,"customer":{"country":"DE","zip":"01234"},"VIP":true}}`,
		},
		"a German spreadsheet's": {
			file:  "Bestellnummer;Datum;E-Mail-Adresse;Betrag\n17;08.12.2025 10:00;a@b.de;1.234,50\n18;09.12.2025 10:00;a@b.de;7\n",
			given: &Plan{Timezone: "Europe/Berlin"},
			want:  "Bestellnummer=event_id Datum=event_timestamp/dmy E-Mail-Adresse=event_email Betrag=.Betrag:number_comma",
			event: `{"event_id":"17","event_timestamp":"2025-12-08T09:00:00.000Z","event_email":"a@b.de","event_payload":{"Betrag":1234.50}}`,
		},
		"dates of two meanings": {
			file: "id,date,email\n1,03/04/2025,a@b.de\n", want: "id=event_id date=event_timestamp email=event_email", open: "date(dmy,mdy)",
		},
		"dates of no form": {
			file: "id,timestamp,email\n1,soon,a@b.de\n", want: "id=event_id timestamp=.timestamp:string email=event_email", open: "timestamp",
		},
		"serial numbers": {
			file: "id,date,email\n1,45999.5,a@b.de\n", want: "id=event_id date=event_timestamp/excel email=event_email",
			event: `{"event_id":"1","event_timestamp":"2025-12-08T12:00:00.000Z","event_email":"a@b.de"}`,
		},
		"no id": {
			file: "date,email,user_id\n2025-01-01,a@b.de,7\n", want: "date=event_timestamp/iso email=event_email user_id=.user_id:number", open: "id",
		},
		"an id of columns": {
			file: "date,email,user_id\n2025-01-01,a@b.de,7\n", given: &Plan{IDFrom: []string{"date", "user_id"}},
			want:  "date=event_timestamp/iso email=event_email user_id=.user_id:number",
			event: `{"event_id":"row_f620d9b8df850645ff5cd55ffef1980d","event_timestamp":"2025-01-01T00:00:00.000Z","event_email":"a@b.de","event_payload":{"user_id":7}}`,
		},
		"by what columns hold": {
			file: "id,wer,wann,phone\n1,a@b.de,2025-01-01,+49123\n", want: "id=event_id wer=event_email wann=event_timestamp/iso phone=.phone:string",
			event: `{"event_id":"1","event_timestamp":"2025-01-01T00:00:00.000Z","event_email":"a@b.de","event_payload":{"phone":"+49123"}}`,
		},
		"nothing": {file: "a,b\n1,2\n", want: "a=.a:number b=.b:number", open: "id timestamp email"},
		"headers that meet": {
			file:  "id,date,email,a,a.b,a..b,x\\y\n1,2025-01-01,a@b.de,1,2,3,4\n",
			want:  `id=event_id date=event_timestamp/iso email=event_email a=.a:number a.b=.a\.b:number a..b=.a\.\.b:number x\y=.x\\y:number`,
			event: `{"event_id":"1","event_timestamp":"2025-01-01T00:00:00.000Z","event_email":"a@b.de","event_payload":{"a":1,"a.b":2,"a..b":3,"x\\y":4}}`,
		},
		"JSON in cells": {
			file: "id,date,email,items\n1,2025-01-01,a@b.de,\"[{\"\"n\"\":1}]\"\n", want: "id=event_id date=event_timestamp/iso email=event_email items=.items:json",
			event: `{"event_id":"1","event_timestamp":"2025-01-01T00:00:00.000Z","event_email":"a@b.de","event_payload":{"items":[{"n":1}]}}`,
		},
		"our own CSV": {
			file:  "event_id,event_timestamp,event_email,event_adb_cdt,event_payload\n'=1,2025-01-01T00:00:00.000Z,a@b.de,,\"{\"\"a\"\":1}\"\n",
			want:  "event_id=event_id event_timestamp=event_timestamp/iso event_email=event_email event_adb_cdt=event_adb_cdt event_payload=",
			event: `{"event_id":"=1","event_timestamp":"2025-01-01T00:00:00.000Z","event_email":"a@b.de","event_payload":{"a":1}}`,
		},
		"NDJSON of something": {
			file:  `{"id":17,"created_at":"2025-01-01","mail":"a@b.de","a.b":{"c":[1,null]},"n":1e3}` + "\n" + `{"id":18,"created_at":"2025-01-01","mail":"a@b.de"}` + "\n",
			want:  `id=event_id created_at=event_timestamp/iso mail=event_email a.b=.a\.b n=.n`,
			event: `{"event_id":"17","event_timestamp":"2025-01-01T00:00:00.000Z","event_email":"a@b.de","event_payload":{"a.b":{"c":[1,null]},"n":1e3}}`,
		},
		"NDJSON with Unix times": {
			file: `{"id":"x","ts":"y","timestamp":1765207271804,"email":"a@b.de"}`, want: "id=event_id ts=.ts timestamp=event_timestamp/unix_ms email=event_email",
			event: `{"event_id":"x","event_timestamp":"2025-12-08T15:21:11.804Z","event_email":"a@b.de","event_payload":{"ts":"y"}}`,
		},
		"no header": {
			file: "1,2025-01-01,a@b.de\n", given: &Plan{NoHeader: true, Columns: []Column{{Name: "column_1", Target: TargetID}}},
			want:  "column_1=event_id column_2=event_timestamp/iso column_3=event_email",
			event: `{"event_id":"1","event_timestamp":"2025-01-01T00:00:00.000Z","event_email":"a@b.de"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := guess(t, s, test.file, test.given)
			if diff := cmp.Diff(test.want, targets(g.Plan)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.open, codes(g.Questions)); diff != "" {
				t.Error(diff)
			}
			got := ""
			if len(g.Events) > 0 {
				got = string(g.Events[0])
			}
			if diff := cmp.Diff(test.event, got); diff != "" {
				t.Errorf("%s; problems: %+v", diff, g.Problems)
			}
		})
	}
}

// An id that is made of columns stays the same for ever: files are imported again.
func TestMadeIDs(t *testing.T) {
	id := func(file string, from ...string) string {
		m := newMemory()
		s := newService(t, m)
		plan := guessed(t, s, file, &Plan{IDFrom: from, Columns: []Column{{Name: "x", Target: PayloadPrefix + "x"}}})
		if x := imported(t, s, plan, strings.NewReader(file)); x.Accepted != 1 {
			t.Fatalf("%+v", x)
		}
		return m.order[0]
	}
	const file = "x,y,date,email\nab,c,2025-01-01,a@b.de\n"
	first := id(file, "x", "y")
	for name, test := range map[string]struct {
		got  string
		same bool
	}{
		"again":          {id(file, "x", "y"), true},
		"another column": {id(strings.Replace(strings.Replace(file, "email\n", "email,z\n", 1), "b.de\n", "b.de,1\n", 1), "x", "y"), true},
		"another place":  {id("y,date,x,email\nc,2025-01-01,ab,a@b.de\n", "x", "y"), true},
		"another cut":    {id("x,y,date,email\na,bc,2025-01-01,a@b.de\n", "x", "y"), false},
		"other columns":  {id(file, "x"), false},
		"another value":  {id("x,y,date,email\nab,d,2025-01-01,a@b.de\n", "x", "y"), false},
	} {
		if (test.got == first) != test.same {
			t.Errorf("%s: %s and %s", name, test.got, first)
		}
	}
	if first != "row_b59181dbd0578c7b9c93ddfea3fc5e79" {
		t.Errorf("ids have changed: %s", first)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	s := newService(t, newMemory())
	for name, test := range map[string]struct {
		change func(*Plan)
		want   string
	}{
		"a target twice":      {func(p *Plan) { p.Columns[3].Target = TargetID }, "goes to event_id, and so does order_id"},
		"no target":           {func(p *Plan) { p.Columns[3].Target = "amount" }, "must go to event_id"},
		"an empty key":        {func(p *Plan) { p.Columns[3].Target = PayloadPrefix + "a..b" }, "empty key"},
		"an unknown type":     {func(p *Plan) { p.Columns[3].Type = "float" }, "has no type of"},
		"an unknown zone":     {func(p *Plan) { p.Timezone = "Mars" }, "time zone"},
		"an unknown date":     {func(p *Plan) { p.Columns[1].Date = "dd.mm" }, "no form of dates"},
		"whole and member":    {func(p *Plan) { p.Columns[0].Target = TargetPayload }, "both the whole"},
		"ids of no column":    {func(p *Plan) { p.IDFrom = []string{"x"} }, "which is no column"},
		"a letter between":    {func(p *Plan) { p.Delimiter = "x" }, "delimiter"},
		"a member below one":  {func(p *Plan) { p.Columns = append(p.Columns, Column{Name: "y", Target: PayloadPrefix + "amount.x"}) }, "below a member"},
		"a column twice":      {func(p *Plan) { p.Columns = append(p.Columns, p.Columns[3]) }, "is there twice"},
		"an unknown encoding": {func(p *Plan) { p.Encoding = "ebcdic" }, "encoding"},
		"an open question":    {func(p *Plan) { p.Columns[0].Target = Ignore }, "leaves a question open"},
	} {
		plan := csvPlan()
		test.change(plan)
		_, err := s.Run(t.Context(), Job{Connection: crm, Plan: plan, Body: strings.NewReader(orders(1))})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file that is not the one that the plan was made for.
	for text, want := range map[string]string{
		"a,b\n": "Column 1 of the file is a, and order_id in the mapping", "order_id,created,email\n": "lacks the column amount",
		strings.Replace(orderHeader, "\n", ",more\n", 1): "has the column more",
	} {
		if x := imported(t, s, csvPlan(), strings.NewReader(text)); x.State != Failed || !strings.Contains(x.Message, want) {
			t.Errorf("%q: %+v", text, x)
		}
	}
}
