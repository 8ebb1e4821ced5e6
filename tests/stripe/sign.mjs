// Prints the Stripe-Signature header for a body: sign.mjs SECRET SECONDS BODY
import Stripe from "stripe";

const [secret, seconds, payload] = process.argv.slice(2);
const timestamp = Number(seconds);
const { webhooks } = new Stripe("sk_test_of_no_account");
const header = webhooks.generateTestHeaderString({ payload, secret, timestamp });
// The library takes what it signed.
webhooks.constructEvent(payload, header, secret, Number.MAX_SAFE_INTEGER, undefined, timestamp * 1000);
process.stdout.write(header);
