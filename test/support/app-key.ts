import { generateKeyPairSync } from "node:crypto";

/** A GitHub App's private key in PEM, made for this test run. */
export const appPrivateKey = generateKeyPairSync("rsa", { modulusLength: 2048 })
  .privateKey.export({ type: "pkcs1", format: "pem" })
  .toString();
