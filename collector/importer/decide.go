package importer

import (
	"slices"
	"strings"
	"unicode"

	"github.com/tributary-events/tributary/event"
)

// Names of columns, without case, spaces and punctuation, best first. Ids of people
// (user_id, customer_id) are no ids of events and are missing on purpose.
var (
	idNames = []string{
		"eventid", "id", "uuid", "guid", "orderid", "ordernumber", "orderno", "transactionid", "paymentid", "invoiceid",
		"invoicenumber", "dealid", "leadid", "recordid", "messageid", "bookingid", "ticketid", "subscriptionid", "bestellnummer",
		"auftragsnummer", "rechnungsnummer",
	}
	timeNames = []string{
		"eventtimestamp", "eventtime", "timestamp", "datetime", "occurredat", "createdat", "createdon", "created", "createddate",
		"creationdate", "time", "date", "orderdate", "purchasedate", "closedat", "closedate", "paidat", "zeitstempel", "zeitpunkt",
		"erstelltam", "datum", "bestelldatum",
	}
	emailNames = []string{
		"eventemail", "email", "emailaddress", "mail", "customeremail", "useremail", "contactemail", "buyeremail", "payeremail",
		"emailadresse", "mailadresse",
	}
	cdtNames = []string{"eventadbcdt", "adbcdt"}
)

func normal(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// decide gives every column its meaning.
func (g *guesser) decide() {
	given := map[string]Column{}
	taken := map[string]bool{}
	for _, c := range g.given.Columns {
		given[c.Name] = c
		taken[c.Target] = true
	}
	// NDJSON has columns that the sample lacks, if the plan says so.
	for _, c := range g.given.Columns {
		if g.texts[c.Name] == nil && g.plan.Format == NDJSON {
			g.seen(c.Name)
		}
	}
	guessed := map[string]Column{}
	set := func(name, target string) {
		if _, ok := given[name]; !ok && !taken[target] && name != "" {
			guessed[name] = Column{Name: name, Target: target}
			taken[target] = true
		}
	}
	free := func(name string) bool {
		_, a := given[name]
		_, b := guessed[name]
		return !a && !b
	}
	pick := func(names []string, fits func(name string) bool) string {
		for _, n := range names {
			for _, column := range g.columns {
				if normal(column) == n && free(column) && fits(column) {
					return column
				}
			}
		}
		return ""
	}
	any := func(string) bool { return true }
	if slices.Contains(g.columns, TargetPayload) {
		set(TargetPayload, TargetPayload)
	}
	if len(g.given.IDFrom) == 0 {
		set(pick(idNames, any), TargetID)
	}
	set(pick(timeNames, func(c string) bool { return g.texts[c].filled == 0 || len(g.dateForms(c)) > 0 }), TargetTimestamp)
	if !taken[TargetTimestamp] {
		set(pick(timeNames[:1], any), TargetTimestamp)
	}
	if !taken[TargetTimestamp] {
		set(g.only(free, g.written), TargetTimestamp)
	}
	set(pick(emailNames, any), TargetEmail)
	if !taken[TargetEmail] {
		set(g.only(free, g.addresses), TargetEmail)
	}
	set(pick(cdtNames, any), TargetCDT)

	g.plan.IDFrom = g.given.IDFrom
	whole := taken[TargetPayload]
	for _, name := range g.columns {
		c, ok := given[name]
		if !ok {
			c, ok = guessed[name]
		}
		if !ok {
			c = Column{Name: name, Target: g.rest(name, whole, taken)}
		}
		g.finish(&c)
		taken[c.Target] = true
		g.plan.Columns = append(g.plan.Columns, c)
	}
	for name := range given {
		if g.texts[name] == nil {
			g.plan.Columns = append(g.plan.Columns, given[name]) // check tells, or the file's columns do
			g.seen(name)
		}
	}
	g.remark()
}

// rest is where a column goes that is no field of an event.
func (g *guesser) rest(name string, whole bool, taken map[string]bool) string {
	switch {
	case name == RefusedRowColumn || name == RefusedReasonColumn:
		return Ignore
	case whole:
		g.warn("The column %s is left out: event_payload is the whole payload.", shorten(name))
		return Ignore
	}
	key := name
	if g.plan.Format != CSV { // names of typed formats are keys as they stand
		return PayloadPrefix + escapeKey(key)
	}
	target := PayloadPrefix + key
	if _, err := parsePath(key); err != nil || taken[target] || strings.ContainsAny(key, `\"`) || g.clashes(key) {
		target = PayloadPrefix + escapeKey(key)
	}
	return target
}

// clashes tells whether a dotted header goes below another column's value.
func (g *guesser) clashes(key string) bool {
	for i, c := range key {
		if c == '.' && g.texts[key[:i]] != nil {
			return true
		}
	}
	return false
}

// only returns the column that is free and of which the texts are of a kind, if there is
// just one.
func (g *guesser) only(free func(string) bool, is func(texts []string) bool) string {
	found := ""
	for _, name := range g.columns {
		c := g.texts[name]
		if !free(name) || len(c.texts) == 0 || !is(c.texts[:min(len(c.texts), 100)]) {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	return found
}

// written tells whether all texts are dates, and not just numbers.
func (g *guesser) written(texts []string) bool {
	loc, err := g.plan.location()
	if err != nil {
		return false
	}
	forms := formsOf(texts, loc)
	return len(forms) > 0 && !slices.Contains(forms, DateExcel) && !slices.Contains(forms, DateUnix) && !slices.Contains(forms, DateMilli) &&
		!isNumber([]byte(texts[0]))
}

func (g *guesser) addresses(texts []string) bool {
	rules := event.NewRules()
	return !slices.ContainsFunc(texts, func(t string) bool {
		return !strings.Contains(t, "@") || !rules.CheckEmail([]byte(strings.TrimSpace(t)))
	})
}

// finish adds the form of dates and the type.
func (g *guesser) finish(c *Column) {
	seen := g.texts[c.Name]
	if c.Target == TargetTimestamp && c.Date == "" {
		g.setDate(c, seen)
	}
	if g.plan.Format == CSV && c.Type == "" && strings.HasPrefix(c.Target, PayloadPrefix) {
		c.Type = typeOf(seen.texts, g.plan.Delimiter)
	}
}

func (g *guesser) setDate(c *Column, seen *column) {
	forms := g.dateForms(c.Name)
	// A form that fits because all its dates are ISO 8601 too is no other form.
	if slices.Contains(forms, DateISO) {
		forms = []string{DateISO}
	}
	switch {
	case len(forms) == 1:
		c.Date = forms[0]
	case seen == nil || len(seen.texts) == 0:
		c.Date = DateISO
	case len(forms) == 0:
		g.guess.Questions = append(g.guess.Questions, Question{
			Code: "date", Column: c.Name, Choices: Dates(),
			Message: "The dates of this column are in no form that is known, or not all in the same: " + quoteSome(seen.texts),
		})
	default:
		g.guess.Questions = append(g.guess.Questions, Question{
			Code: "date", Column: c.Name, Choices: forms,
			Message: "The dates of this column can be read in several ways (" + quoteSome(seen.texts) + "): say which one is meant.",
		})
	}
}

func quoteSome(texts []string) string {
	var some []string
	for _, t := range texts[:min(len(texts), 3)] {
		some = append(some, shorten(t))
	}
	return strings.Join(some, ", ")
}

// remark recognises our own exports and tells what deserves a look.
func (g *guesser) remark() {
	if g.plan.Format == CSV && slices.Equal(g.plan.names(), fieldTargets[:]) {
		g.plan.UndoFormulas = true // as our export writes them
	}
	if rest := slices.DeleteFunc(g.plan.names(), func(n string) bool { return n == RefusedRowColumn || n == RefusedReasonColumn }); g.plan.Format == CSV && slices.Equal(rest, fieldTargets[:]) {
		g.plan.UndoFormulas = true
	}
	for _, c := range g.plan.Columns {
		if c.Target == TargetID && g.texts[c.Name].twice {
			g.warn("Values of %s, the event_id, occur more than once: of each only the last row remains.", shorten(c.Name))
		}
		if c.Target == TargetTimestamp && c.Date != DateISO && c.Date != "" {
			g.warn("Dates of %s are read as %s, in the time zone %s.", shorten(c.Name), c.Date, g.plan.Timezone)
		}
	}
	if g.plan.Format == CSV && g.plan.NoHeader {
		return
	}
	if g.plan.Format == CSV && g.headless() {
		g.warn("The first row looks like values, not names of columns: if the file has no header, say so.")
	}
}

// headless tells whether a header is probably a row.
func (g *guesser) headless() bool {
	rules := event.NewRules()
	for _, name := range g.columns {
		if isNumber([]byte(name)) || rules.CheckEmail([]byte(name)) {
			return true
		}
	}
	return false
}
