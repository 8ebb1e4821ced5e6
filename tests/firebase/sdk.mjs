// Firebase's own SDKs against a Keyward server. Environment: BASE, ISSUER, MAILS (a directory), KEYWARD (the binary).
// Prints the secrets it saw as JSON, so that the suite can search its log for them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { initializeApp } from "firebase/app";
import {
  applyActionCode, confirmPasswordReset, connectAuthEmulator, createUserWithEmailAndPassword, deleteUser, getAuth,
  reload, sendEmailVerification, sendPasswordResetEmail, signInWithEmailAndPassword, signOut, updateCurrentUser,
  updatePassword, updateProfile, verifyPasswordResetCode,
} from "firebase/auth";

const { BASE, ISSUER, MAILS, KEYWARD } = process.env;
const secrets = [];
const secret = (text) => (secrets.push(text), text);
const auth = getAuth(initializeApp({ apiKey: "any", projectId: "keyward" }));
connectAuthEmulator(auth, BASE, { disableWarnings: true });
const refused = (promise, code) => assert.rejects(promise, (error) => (assert.equal(error.code, code), true));

// The code of the mail of this number among those that have one.
async function codeOfMail(number) {
  for (let file = 1, found = 0; ; file++) {
    const name = path.join(MAILS, `${file}.txt`);
    for (let wait = 0; !existsSync(name) && wait < 500; wait++) await new Promise((done) => setTimeout(done, 20));
    await new Promise((done) => setTimeout(done, 20));
    const code = readFileSync(name, "utf8").match(/oobCode=([\w-]+)/);
    if (code && ++found === number) return secret(code[1]);
  }
}
async function api(method, url, token, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await fetch(BASE + url, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${url}: ${response.status}`);
  return response.json();
}

// Accounts.
const email = "ada@example.com";
const [first, second, third] = ["first-password", "second-password", "third-password"].map(secret);
let { user } = await createUserWithEmailAndPassword(auth, "Ada@Example.com", first);
assert.equal(user.email, email);
await refused(createUserWithEmailAndPassword(auth, email, first), "auth/email-already-in-use");
await refused(createUserWithEmailAndPassword(auth, "bob@example.com", "12345"), "auth/weak-password");
await refused(signInWithEmailAndPassword(auth, email, "not-the-password"), "auth/invalid-credential");
await refused(signInWithEmailAndPassword(auth, "nobody@example.com", first), "auth/invalid-credential");
await signOut(auth);
({ user } = await signInWithEmailAndPassword(auth, email, first));
await reload(user);
const before = secret(await user.getIdToken());
const after = secret(await user.getIdToken(true));
assert.ok(before && after);

// Profile.
await updateProfile(user, { displayName: "Ada Lovelace", photoURL: "https://example.com/ada.png" });
await reload(user);
assert.equal(user.displayName, "Ada Lovelace");
const { claims } = await user.getIdTokenResult(true);
assert.deepEqual([claims.name, claims.picture], ["Ada Lovelace", "https://example.com/ada.png"]);

// Password: the old refresh token dies, the SDK goes on with the new one.
const oldRefreshToken = secret(user.refreshToken);
await updatePassword(user, second);
assert.notEqual(user.refreshToken, oldRefreshToken);
secret(user.refreshToken);
const refresh = (token) =>
  fetch(`${BASE}/securetoken.googleapis.com/v1/token`, {
    method: "POST", body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: token }),
  }).then((response) => response.json());
assert.equal((await refresh(oldRefreshToken)).error.message, "TOKEN_EXPIRED");
secret(await user.getIdToken(true));
await refused(signInWithEmailAndPassword(auth, email, first), "auth/invalid-credential");

// Mails.
await sendEmailVerification(user);
await applyActionCode(auth, await codeOfMail(1));
await reload(user);
assert.equal(user.emailVerified, true);
await sendPasswordResetEmail(auth, email);
const code = await codeOfMail(2);
assert.equal(await verifyPasswordResetCode(auth, code), email);
await confirmPasswordReset(auth, code, third);
await refused(confirmPasswordReset(auth, code, second), "auth/invalid-action-code");
await refused(user.getIdToken(true), "auth/user-token-expired");
({ user } = await signInWithEmailAndPassword(auth, email, third));

// Two tabs, which share a refresh token, refresh at once, and both live on.
const tab = getAuth(initializeApp({ apiKey: "any", projectId: "keyward" }, "tab"));
connectAuthEmulator(tab, BASE, { disableWarnings: true });
await updateCurrentUser(tab, user);
const shared = secret(user.refreshToken);
assert.equal(tab.currentUser.refreshToken, shared);
const both = () => Promise.all([user.getIdToken(true), tab.currentUser.getIdToken(true)]);
for (const text of [...(await both()), user.refreshToken, tab.currentUser.refreshToken]) secret(text);
assert.notEqual(user.refreshToken, shared);
assert.equal(user.refreshToken, tab.currentUser.refreshToken);
for (const text of [...(await both()), user.refreshToken, tab.currentUser.refreshToken]) secret(text);
await api("GET", "/v1/me", user.accessToken);
await api("GET", "/v1/me", tab.currentUser.accessToken);

// A session that is ended elsewhere signs the SDK out; the others go on.
const elsewhere = getAuth(initializeApp({ apiKey: "any", projectId: "keyward" }, "elsewhere"));
connectAuthEmulator(elsewhere, BASE, { disableWarnings: true });
const lost = (await signInWithEmailAndPassword(elsewhere, email, third)).user;
const lostToken = secret(await lost.getIdToken());
secret(lost.refreshToken);
const { data } = await api("GET", "/v1/me/sessions", lostToken);
const { id: lostSession, device } = data.find((session) => session.current);
assert.equal(device, "node");
const ended = await fetch(`${BASE}/v1/me/sessions/${lostSession}`, {
  method: "DELETE", headers: { authorization: `Bearer ${user.accessToken}` },
});
assert.equal(ended.status, 204);
await refused(lost.getIdToken(true), "auth/user-token-expired");
assert.equal(elsewhere.currentUser, null);
secret(await user.getIdToken(true));
secret(user.refreshToken);

// API keys, with the ID token.
const token = secret(await user.getIdToken());
const organization = await api("POST", "/v1/organizations", token, { name: "Acme" });
const workspace = await api("POST", `/v1/organizations/${organization.id}/workspaces`, token, { name: "Production" });
const key = await api("POST", `/v1/workspaces/${workspace.id}/api-keys`, token, { name: "CI" });
const whoami = await api("GET", "/v1/whoami", secret(key.plaintext));
assert.equal(whoami.workspaceId, workspace.id);

// firebase-admin. Its public API fetches Google's certificates only, so this is the class behind verifyIdToken,
// told of our certificates and issuer; the package exports it to nobody, hence the path.
const require = createRequire(import.meta.url);
const admin = path.dirname(require.resolve("firebase-admin"));
const { FirebaseTokenVerifier, ID_TOKEN_INFO } = require(path.join(admin, "auth/token-verifier.js"));
const { initializeApp: initializeAdmin } = require("firebase-admin/app");
const certificates = `${BASE}/robot/v1/metadata/x509/securetoken@keyward`;
const verifier = (issuer, projectId) =>
  new FirebaseTokenVerifier(certificates, issuer, ID_TOKEN_INFO, initializeAdmin({ projectId }, projectId));
const ours = verifier(ISSUER, "keyward");
const decoded = await ours.verifyJWT(token);
assert.deepEqual([decoded.uid, decoded.email, decoded.email_verified], [user.uid, email, true]);
await assert.rejects(ours.verifyJWT(`${token.slice(0, -8)}AAAAAAAA`));
await assert.rejects(verifier(ISSUER, "other").verifyJWT(token), /audience/);

// A disabled account, and a deleted one.
await refused(deleteUser(user), "auth/operation-not-allowed");
await signOut(auth);
const passing = secret("passing-password");
({ user } = await createUserWithEmailAndPassword(auth, "carol@example.com", passing));
execFileSync(KEYWARD, ["user", "disable", "carol@example.com"]);
await refused(signInWithEmailAndPassword(auth, "carol@example.com", passing), "auth/user-disabled");
await refused(user.getIdToken(true), "auth/user-disabled");
assert.equal(auth.currentUser, null);
({ user } = await createUserWithEmailAndPassword(auth, "dan@example.com", passing));
const gone = secret(user.refreshToken);
secret(await user.getIdToken());
await deleteUser(user);
assert.equal((await refresh(gone)).error.message, "USER_NOT_FOUND");
await refused(signInWithEmailAndPassword(auth, "dan@example.com", passing), "auth/invalid-credential");

process.stdout.write(JSON.stringify(secrets));
process.exit(0);
