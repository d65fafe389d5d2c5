package wire

// PushedImage names an image in the platform's registry.
type PushedImage struct {
	Image string `json:"image" required:"true" minLength:"3" maxLength:"400" doc:"organisation/name:tag or organisation/name@sha256:…"`
}
