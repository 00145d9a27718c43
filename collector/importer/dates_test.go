package importer

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseDate(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		form, text string
		loc        *time.Location
		want       string // UTC, or "!" and a part of the error
	}{
		{DateISO, "2025-12-08T15:21:11.804Z", berlin, "2025-12-08T15:21:11.804Z"},
		{DateISO, "2025-12-08 15:21", berlin, "2025-12-08T14:21:00Z"},
		{DateISO, "2025-12-08", berlin, "2025-12-07T23:00:00Z"},
		{DateISO, "2025-06-08T15:21:11+05:00", berlin, "2025-06-08T10:21:11Z"},
		{DateISO, "20251208T152111-0500", berlin, "2025-12-08T20:21:11Z"},
		{DateISO, "8.12.2025", time.UTC, "!"},
		{DateDMY, "08.12.2025 15:21", berlin, "2025-12-08T14:21:00Z"},
		{DateDMY, "8.6.25", berlin, "2025-06-07T22:00:00Z"},
		{DateDMY, "8/12/2025, 3:21:11 PM", time.UTC, "2025-12-08T15:21:11Z"},
		{DateDMY, "8-12-1969 23:59:59,5", time.UTC, "1969-12-08T23:59:59.5Z"},
		{DateDMY, "12/31/2025", time.UTC, "!does not exist"},
		{DateDMY, "31.11.2025", time.UTC, "!does not exist"},
		{DateDMY, "29.02.2024", time.UTC, "2024-02-29T00:00:00Z"},
		{DateDMY, "29.02.2025", time.UTC, "!does not exist"},
		{DateDMY, "1.1.2025 25:00", time.UTC, "!"},
		{DateMDY, "12/31/2025 12:05 AM", time.UTC, "2025-12-31T00:05:00Z"},
		{DateMDY, "12/31/2025 15:21:11 +02:00", berlin, "2025-12-31T13:21:11Z"},
		{DateMDY, "31/12/2025", time.UTC, "!does not exist"},
		{DateMDY, "12.31.2025", time.UTC, "!"},
		{DateYMD, "2025/12/8 9:05", time.UTC, "2025-12-08T09:05:00Z"},
		{DateYMD, "25/12/8", time.UTC, "!"},
		{DateNamed, "8 Dec 2025 15:21", time.UTC, "2025-12-08T15:21:00Z"},
		{DateNamed, "Mon, 8 Dec 2025 15:21:11 GMT", berlin, "2025-12-08T15:21:11Z"},
		{DateNamed, "December 8, 2025", time.UTC, "2025-12-08T00:00:00Z"},
		{DateNamed, "Sept 1st, 2025 3:00 pm", time.UTC, "2025-09-01T15:00:00Z"},
		{DateNamed, "8-Dec-25", time.UTC, "2025-12-08T00:00:00Z"},
		{DateNamed, "8 Foo 2025", time.UTC, "!"},
		{DateExcel, "45999", time.UTC, "2025-12-08T00:00:00Z"},
		{DateExcel, "45999.639722222222", berlin, "2025-12-08T14:21:12Z"},
		{DateExcel, "45999,5", time.UTC, "2025-12-08T12:00:00Z"},
		{DateExcel, "5", time.UTC, "!"},
		{DateUnix, "1765207271", berlin, "2025-12-08T15:21:11Z"},
		{DateMilli, "1765207271804", berlin, "2025-12-08T15:21:11.804Z"},
		// The clocks of Berlin leave out 2 to 3 on 30 March and have 2 to 3 twice on 26 October.
		{DateDMY, "30.03.2025 02:30", berlin, "!change of clocks"},
		{DateDMY, "26.10.2025 02:30", berlin, "2025-10-26T00:30:00Z"},
		{DateISO, "2025-03-30 02:30", berlin, "!change of clocks"},
		{DateDMY, "1.1.1800", time.UTC, "!years"},
	} {
		ms, err := parseDate(test.form, test.text, test.loc)
		if why, bad := strings.CutPrefix(test.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s %q: %v, %v", test.form, test.text, time.UnixMilli(ms).UTC(), err)
			}
			continue
		}
		if got := time.UnixMilli(ms).UTC().Format(time.RFC3339Nano); err != nil || got != test.want {
			t.Errorf("%s %q: %s, %v, want %s", test.form, test.text, got, err, test.want)
		}
	}
}

func TestFormsOf(t *testing.T) {
	for _, test := range []struct {
		texts string
		want  []string
	}{
		{"03/04/2025|05/06/2025", []string{DateDMY, DateMDY}},
		{"03/04/2025|13/06/2025", []string{DateDMY}},
		{"03/04/2025|05/16/2025", []string{DateMDY}},
		{"13/04/2025|05/16/2025", nil},
		{"03.04.2025", []string{DateDMY}},
		{"2025-04-03 10:00", []string{DateISO, DateYMD}},
		{"45999.5|46000", []string{DateExcel}},
		{"1765207271", []string{DateUnix}},
		{"", nil},
		{"yesterday", nil},
	} {
		var texts []string
		if test.texts != "" {
			texts = strings.Split(test.texts, "|")
		}
		if diff := cmp.Diff(test.want, formsOf(texts, time.UTC)); diff != "" {
			t.Errorf("%s: %s", test.texts, diff)
		}
	}
}
