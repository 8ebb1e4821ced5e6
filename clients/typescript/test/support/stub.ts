/** A server that answers what a test has written down, and keeps what it was asked. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Asked {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Close the connection instead of answering. */
  hangUp?: boolean;
  /** Answer the head, and never end the body. */
  stall?: boolean;
}

export interface Stub {
  baseUrl: string;
  asked: Asked[];
}

/** Answers in this order; the last answer stays. It ends with the test. */
export async function stub(test: TestContext, ...answers: Answer[]): Promise<Stub> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void take(request).then((body) => {
      asked.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      give(response, answers[Math.min(asked.length, answers.length) - 1] ?? {});
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
}

async function take(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function give(response: ServerResponse, { status = 200, headers = {}, body, hangUp, stall }: Answer): void {
  if (hangUp) {
    response.socket?.destroy();
    return;
  }
  response.writeHead(status, { "content-type": "application/json", "x-request-id": "req_stub", ...headers });
  if (stall) {
    response.write(" ");
    return;
  }
  response.end(typeof body === "string" || body === undefined ? body : JSON.stringify(body));
}
