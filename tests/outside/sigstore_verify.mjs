// Verifies a Sigstore bundle with npm's @sigstore/verify and compares its subject with a file.
// node sigstore_verify.mjs BUNDLE KEY.pub FILE                          a bundle that a key signed
// node sigstore_verify.mjs BUNDLE TRUSTED_ROOT FILE IDENTITY ISSUER     a keyless one
// exit code 0: accepted, 1: refused, with the reason
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { Verifier, toSignedEntity, toTrustMaterial } from "@sigstore/verify";

const [bundleFile, trustFile, file, identity, issuer] = process.argv.slice(2);

function keyVerifier() {
  const key = { publicKey: createPublicKey(readFileSync(trustFile)), validFor: () => true };
  const nobody = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
  const thresholds = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };
  return new Verifier(toTrustMaterial(nobody, () => key), thresholds);
}

function keylessVerifier() {
  const root = TrustedRoot.fromJSON(JSON.parse(readFileSync(trustFile)));
  return new Verifier(toTrustMaterial(root)); // one log entry, one certificate log, one time
}

// the library reads an identity as a regular expression that may match anywhere
const exactly = (text) => `^${text.replace(/[^A-Za-z0-9]/g, "\\$&")}$`;

function judge() {
  const bundle = bundleFromJSON(JSON.parse(readFileSync(bundleFile)));
  if (identity === undefined) keyVerifier().verify(toSignedEntity(bundle));
  else
    keylessVerifier().verify(toSignedEntity(bundle), {
      subjectAlternativeName: exactly(identity),
      extensions: { issuer },
    });
  // the library judges the envelope; what it speaks of is the caller's to compare
  const digest = createHash("sha256").update(readFileSync(file)).digest("hex");
  const { subject } = JSON.parse(bundle.content.dsseEnvelope.payload);
  const found = subject.find((one) => one.name === basename(file));
  if (found?.digest.sha256 !== digest) throw new Error("no subject has this name and digest");
}

try {
  judge();
  console.log("accepted");
} catch (error) {
  console.log(`refused: ${error.code ?? error.name}: ${error.message}`);
  process.exitCode = 1;
}
