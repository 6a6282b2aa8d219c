// Package access says who may do what: tokens with scopes, kept as SHA-256, and certificates, the
// server's own and those of clients.
//
//	guard, err := access.NewGuard(tokens)      // a file of tokens; see Parse
//	grant, err := guard.Check(token, address)  // what its bearer may do
//	grant.May(access.Append, "main")
//
//	certs, err := access.NewCertificates(access.Files{Cert: …, Key: …, CA: …})
//	certs.Config()                             // for the next connection
//
// # Promises
//
// Nothing of a token is kept but its SHA-256, and every comparison takes as long as any other.
// Several tokens are valid at once. What is read again takes effect as a whole or not at all: a
// file that is not as it should be leaves what was in force before. A grant that is taken away
// is told to whoever uses it (Grant.Revoked). Wrong tokens are counted by address, and an
// address that has had too many is not compared for a while (ErrTooMany).
//
// Who reads the files again, and says so in the log, is left to others.
package access
