package template

// ItemClaims are the claims that rest on an item, by where in it.
type ItemClaims struct {
	List []ItemClaim
	// May make new ones.
	May  bool
	Item string
}

// ItemClaim is a claim with the entity that it is about.
type ItemClaim struct {
	About EntityLink
	Claim Claim
}
