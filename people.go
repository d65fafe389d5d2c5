package aihub

import "time"

// Role is what a person may be in an organisation.
type Role string

// The roles.
const (
	Steward  Role = "steward"  // publishes datasets and scenarios
	Vendor   Role = "vendor"   // submits algorithms
	Reviewer Role = "reviewer" // approves datasets, enrolments and releases, scores rounds
	Operator Role = "operator" // runs the platform; sees no data and no score
)

// Roles lists every role.
var Roles = []Role{Steward, Vendor, Reviewer, Operator}

// Org is an organisation: a city department, a vendor, the platform itself.
type Org struct {
	ID        OrgID     `json:"id"`
	Name      Text      `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// User is one person with one account in one organisation.
type User struct {
	ID        UserID    `json:"id"`
	Org       OrgID     `json:"org"`
	Name      string    `json:"name"`
	Roles     []Role    `json:"roles"`
	CreatedAt time.Time `json:"created_at"`
}

// Actor is who asks: a signed-in person, or the platform acting by itself.
// The zero Actor is an anonymous visitor.
type Actor struct {
	User  UserID `json:"user"`
	Org   OrgID  `json:"org"`
	Roles []Role `json:"roles"`
}

// Has reports whether the actor holds r.
func (a Actor) Has(r Role) bool {
	for _, x := range a.Roles {
		if x == r {
			return true
		}
	}
	return false
}

// Anonymous reports whether nobody is signed in.
func (a Actor) Anonymous() bool { return a.User == "" }
