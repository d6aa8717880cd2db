// Verifies chains of X.509 SVIDs with go-spiffe: a line "CHAIN BUNDLE DOMAIN SECONDS" of input, a line of output.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

func read(path string) (found []*x509.Certificate, err error) {
	data, err := os.ReadFile(path)
	for err == nil {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return found, nil
		}
		var certificate *x509.Certificate
		certificate, err = x509.ParseCertificate(block.Bytes)
		found = append(found, certificate)
	}
	return nil, err
}

func verify(chain, authorities, domain string, seconds int64) error {
	certificates, err := read(chain)
	if err != nil {
		return err
	}
	pinned, err := read(authorities)
	if err != nil {
		return err
	}
	name, err := spiffeid.TrustDomainFromString(domain)
	if err != nil {
		return err
	}
	bundle := x509bundle.FromX509Authorities(name, pinned)
	_, _, err = x509svid.Verify(certificates, bundle, x509svid.WithTime(time.Unix(seconds, 0)))
	return err
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var chain, authorities, domain string
		var seconds int64
		if _, err := fmt.Sscan(lines.Text(), &chain, &authorities, &domain, &seconds); err != nil {
			panic(err)
		}
		answer := "good"
		if err := verify(chain, authorities, domain, seconds); err != nil {
			answer = "bad: " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println(answer)
	}
}
