package auth

import (
	"context"
	"strings"

	"aihub"
)

// Basic signs a person in with a name and a password or bearer token, as tools
// for container images do. via names the token, "" for a password: Again takes
// it to find out later whether that sign-in still holds.
func (a *Auth) Basic(ctx context.Context, remote string, user aihub.UserID, secret string) (actor aihub.Actor, via aihub.Digest, err error) {
	if !strings.HasPrefix(secret, tokenPrefix) || len(secret) >= 128 {
		actor, err = a.check(ctx, remote, user, secret)
		return actor, "", err
	}
	via = aihub.DigestOf([]byte(secret))
	actor, err = a.Again(ctx, user, via)
	return actor, via, err
}

// Again returns a person who has signed in by Basic, with the roles of now, or
// Unauthenticated.
func (a *Auth) Again(ctx context.Context, user aihub.UserID, via aihub.Digest) (actor aihub.Actor, err error) {
	if via == "" {
		actor, err = a.db.ActorOf(ctx, user)
	} else {
		actor, err = a.db.TokenActor(ctx, via)
	}
	if k := aihub.KindOf(err); k == aihub.NotFound || k == aihub.Unauthenticated || err == nil && actor.User != user {
		return aihub.Actor{}, badToken()
	}
	return actor, err
}
