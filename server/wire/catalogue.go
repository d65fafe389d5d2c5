package wire

// Withdraw takes a dataset version, a scenario, an enrolment or a model out of
// use, for good.
//
//	POST /datasets/{ref}/withdraw        Withdraw
//	POST /scenarios/{ref}/withdraw       Withdraw
//	POST /enrolments/{id}/revoke         Withdraw
//	GET  /search?q=&kind=&org=&field=&area=&license=&state=&offset=&limit=  store.CataloguePage
type Withdraw struct {
	Reason string `json:"reason" required:"true" minLength:"1" maxLength:"2000" doc:"why; kept with the decision"`
}
