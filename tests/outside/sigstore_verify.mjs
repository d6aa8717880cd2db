// Verifies a key-signed Sigstore bundle with npm's @sigstore/verify and compares its subject with a file.
// node sigstore_verify.mjs BUNDLE KEY.pub FILE; exit code 0: accepted, 1: refused, with the reason
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { bundleFromJSON } from "@sigstore/bundle";
import { Verifier, toSignedEntity, toTrustMaterial } from "@sigstore/verify";

const [bundleFile, keyFile, file] = process.argv.slice(2);
const nobody = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const key = { publicKey: createPublicKey(readFileSync(keyFile)), validFor: () => true };

function judge() {
  const bundle = bundleFromJSON(JSON.parse(readFileSync(bundleFile)));
  const thresholds = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };
  const verifier = new Verifier(toTrustMaterial(nobody, () => key), thresholds);
  verifier.verify(toSignedEntity(bundle));
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
