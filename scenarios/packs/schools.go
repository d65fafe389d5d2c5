package packs

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// schoolColumns are the columns of the raw file.
var schoolColumns = []string{
	"record_id", "filer_name", "filer_resident_number", "filer_phone", "filer_address", "filed_on",
	"school_year", "district", "street", "catchment", "grade", "kind",
	"children", "hukou_share", "new_homes", "capacity", "demand",
}

// district is one of Shenzhen's with its yearly growth and its sub-districts.
type district struct {
	name    string
	growth  float64
	hukou   float64 // typical share of children with local registration
	streets []string
}

var shenzhen = []district{
	{"福田区", 0.010, 0.68, strings.Fields("园岭 南园 福田 沙头 香蜜湖 梅林 莲花 华富 福保 华强北")},
	{"罗湖区", -0.015, 0.60, strings.Fields("桂园 南湖 黄贝 东湖 翠竹 笋岗 清水河 莲塘")},
	{"南山区", 0.030, 0.66, strings.Fields("南头 沙河 蛇口 招商 粤海 桃源 西丽")},
	{"盐田区", 0.005, 0.58, strings.Fields("沙头角 海山 盐田 梅沙")},
	{"宝安区", 0.035, 0.42, strings.Fields("新安 西乡 航城 福永 沙井 松岗 石岩")},
	{"龙岗区", 0.030, 0.40, strings.Fields("平湖 坂田 布吉 南湾 横岗 龙城 坪地")},
	{"龙华区", 0.045, 0.38, strings.Fields("民治 龙华 大浪 观湖 福城 观澜")},
	{"坪山区", 0.060, 0.36, strings.Fields("坪山 马峦 碧岭 石井 坑梓")},
	{"光明区", 0.065, 0.35, strings.Fields("光明 公明 新湖 凤凰 玉塘 马田")},
	{"大鹏新区", 0.000, 0.50, strings.Fields("葵涌 大鹏 南澳")},
}

const (
	firstYear = 2019 // school years are named after the year they begin in
	years     = 6
	grades    = 9
)

// generateSchools writes rows records as CSV: what each catchment (学区) files
// for each grade and school year, one catchment after the other.
func generateSchools(w io.Writer, seed uint64, rows int) error {
	d := newDice(seed, "school-places")
	out := csv.NewWriter(w)
	if err := out.Write(schoolColumns); err != nil {
		return err
	}
	written := 0
	for c := 0; written < rows; c++ {
		for _, record := range d.catchment(c) {
			if written == rows {
				break
			}
			written++
			if err := out.Write(append([]string{fmt.Sprintf("XW%07d", written)}, record...)); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// catchment makes the records of catchment c, all but their number.
func (d *dice) catchment(c int) [][]string {
	dist := shenzhen[c%len(shenzhen)]
	street := dist.streets[c/len(shenzhen)%len(dist.streets)]
	name := fmt.Sprintf("%s第%d学区", street, 1+c/len(shenzhen)/len(dist.streets))
	size := 55 * math.Exp(0.4*d.normal())                             // children of one age in the first year
	hukou := math.Min(0.95, math.Max(0.1, dist.hukou+0.1*d.normal())) // at first; it rises by a point a year
	kind, taste := "公办", 1+0.05*d.normal()
	if d.chance(0.2) {
		kind, taste = "民办", 0.7+0.07*d.normal()
	}
	var records [][]string
	homesBefore := 0
	for y := range years {
		year := firstYear + y
		homes := 0
		if d.chance(0.18 + 2*math.Max(0, dist.growth)) {
			homes = 100 + 10*d.n(120)
		}
		share := math.Min(0.98, hukou+0.01*float64(y))
		p := d.person(1965, 1998) // who files for the catchment this year
		address := fmt.Sprintf("深圳市%s%s街道%s路%d号%d栋%d%02d", dist.name, street, string(pick(d, given))+string(pick(d, given)), 1+d.n(300), 1+d.n(15), 1+d.n(32), 1+d.n(6))
		filed := time.Date(year, time.March, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, d.n(75))
		for grade := 1; grade <= grades; grade++ {
			cohort := size * math.Pow(1+dist.growth, float64(y)) * wave(year-5-grade) * math.Pow(0.985, float64(grade-1))
			// Families move in with the new homes, those with young children first.
			moved := (0.035*float64(homes) + 0.02*float64(homesBefore)) * math.Pow(0.8, float64(grade-1))
			demand := (cohort + moved) * taste * (0.55 + 0.45*share) * policy(year, grade, share)
			if grade > 6 {
				demand *= 0.9 // some leave for boarding and private schools
			}
			demand = math.Max(0, math.Round(demand*math.Exp(0.08*d.normal())+1.5*d.normal()))
			children := strconv.Itoa(int(math.Round(cohort * math.Exp(0.06*d.normal()))))
			if d.chance(0.03) {
				children = "" // the registry had no answer in time
			}
			capacity := 5 * int(math.Round(size*taste*(0.9+0.1*d.normal())/5))
			records = append(records, []string{
				p.name, p.id, p.phone, address, filed.AddDate(0, 0, d.n(3)).Format("2006-01-02"),
				strconv.Itoa(year), dist.name, street + "街道", name, strconv.Itoa(grade), kind,
				children, strconv.FormatFloat(share, 'f', 2, 64), strconv.Itoa(homes), strconv.Itoa(max(5, capacity)),
				strconv.Itoa(int(demand)),
			})
		}
		homesBefore = homes
	}
	return records
}

// wave is how large the cohort of a birth year is: dragon years, the second
// child allowed from 2016, and fewer births after 2017.
func wave(born int) float64 {
	switch {
	case born == 2012:
		return 1.12
	case born == 2016 || born == 2017:
		return 1.15
	case born > 2017:
		return 1 - 0.03*float64(born-2017)
	}
	return 1
}

// policy is the jump of 2022, when residence permits began to count for the
// points of admission: it brings children without local registration into the
// entry grades, and into the next grades year by year.
func policy(year, grade int, hukou float64) float64 {
	since := year - 2022
	if since < 0 {
		return 1
	}
	if entry := grade - since; entry == 1 || entry == 7 || grade == 1 || grade == 7 {
		return 1 + 0.5*(1-hukou)
	}
	return 1
}
