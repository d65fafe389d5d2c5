package store

import (
	"context"
	"encoding/base64"
	"time"

	"aihub"
)

// SessionStore keeps web sessions; it is an scs.CtxStore. Of a session's token
// only the sha256 is kept: a stolen database signs nobody in.
type SessionStore struct{ db *DB }

// Sessions returns the store of web sessions.
func (db *DB) Sessions() *SessionStore { return &SessionStore{db} }

func sessionID(token string) string { return string(aihub.DigestOf([]byte(token))) }

// FindCtx returns the data of a session that has not ended.
func (s *SessionStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		if err := t.loadHeads(); err != nil { // a clock turned back revives no session
			return err
		}
		text, ok, err := one(t, value[string], "SELECT data FROM sessions WHERE id = ? AND expires_at > ?", sessionID(token), us(t.now))
		if err != nil || !ok {
			return err
		}
		data, err = base64.StdEncoding.DecodeString(text)
		found = err == nil
		return nil // what cannot be read is no session
	})
	return data, found, err
}

// CommitCtx keeps a session until expiry, and forgets those that ended.
func (s *SessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return s.db.write(ctx, func(t *tx) error {
		if err := t.exec("DELETE FROM sessions WHERE expires_at <= ?", us(t.wall)); err != nil {
			return err
		}
		return t.exec(`INSERT INTO sessions (id, data, expires_at) VALUES (?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`,
			sessionID(token), base64.StdEncoding.EncodeToString(data), us(expiry))
	})
}

// DeleteCtx ends a session. Ending what is not there is no error.
func (s *SessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.db.write(ctx, func(t *tx) error {
		return t.exec("DELETE FROM sessions WHERE id = ?", sessionID(token))
	})
}

// Find is FindCtx without a context.
func (s *SessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context.
func (s *SessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx without a context.
func (s *SessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
