// Lambda's Runtime API, as lean as Node has it: an agent that keeps its connection, one
// event after the other. (Lambda's own client is native code with the same two calls.)

import http from "node:http";

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = http.request({ hostname, port, agent, method, path, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

export async function serve(handle) {
  const base = "/2018-06-01/runtime/invocation";
  for (;;) {
    const event = await call("GET", `${base}/next`);
    const id = event.headers["lambda-runtime-aws-request-id"];
    if (!id) return;
    try {
      const answer = await handle(JSON.parse(event.body));
      await call("POST", `${base}/${id}/response`, JSON.stringify(answer));
    } catch (error) {
      console.error(error);
      await call("POST", `${base}/${id}/error`, JSON.stringify({ errorMessage: String(error) }));
    }
  }
}
