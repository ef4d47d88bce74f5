// What the hub's function `gladly` does with a webhook, as one would write it on Node
// with AWS SDK v3: authenticate, parse, one consistent Query, fold, one conditional Put.
// One client for all calls; its agent keeps connections.

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { DynamoDBClient, PutItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { serve } from "./runtime.mjs";

const { TABLE, WEBHOOK_USER, WEBHOOK_PASSWORD, ID_KEY } = process.env;
const KEEP_S = 90 * 24 * 3600;
const TRIES = 5;

const table = new DynamoDBClient({ maxAttempts: 3 });

const digest = (text) => createHash("sha256").update(text).digest();
const expected = digest(`${WEBHOOK_USER}:${WEBHOOK_PASSWORD}`);

function isAuthentic(headers) {
  const [scheme, credentials] = (headers.authorization ?? "").split(" ");
  if (scheme !== "Basic" || !credentials) return false;
  return timingSafeEqual(digest(Buffer.from(credentials, "base64")), expected);
}

function threadId(name) {
  const mac = createHmac("sha256", ID_KEY).update(`thread\0shop-chat\0${name}\0`).digest();
  return `node_${mac.subarray(0, 16).toString("hex")}`;
}

async function load(thread) {
  const page = await table.send(
    new QueryCommand({
      TableName: TABLE,
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: thread } },
      ScanIndexForward: false,
      ConsistentRead: true,
      Limit: 9,
      ReturnConsumedCapacity: "TOTAL",
    }),
  );
  const state = { seq: 0, open: false, seen: new Set(), last: 0 };
  for (const item of page.Items.reverse()) {
    for (const event of JSON.parse(item.d.S)) {
      if (event.type === "opened") state.open = true;
      if (event.id) state.seen.add(event.id);
    }
    state.seq = Number(item.sk.S.slice(2));
    state.last = Number(item.a.N);
  }
  return state;
}

async function append(thread, seq, at, events) {
  try {
    await table.send(
      new PutItemCommand({
        TableName: TABLE,
        Item: {
          pk: { S: thread },
          sk: { S: `e#${String(seq).padStart(10, "0")}` },
          c: { S: randomBytes(10).toString("hex") },
          v: { N: "1" },
          a: { N: String(at) },
          cn: { S: "shop-chat" },
          d: { S: JSON.stringify(events) },
          ttl: { N: String(Math.ceil(at / 1000) + KEEP_S) },
        },
        ConditionExpression: "attribute_not_exists(pk)",
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
        ReturnConsumedCapacity: "INDEXES",
      }),
    );
    return true;
  } catch (error) {
    if (error.name === "ConditionalCheckFailedException") return false;
    throw error;
  }
}

async function handle(request) {
  if (!isAuthentic(request.headers)) return { statusCode: 401, body: "" };
  const raw = request.isBase64Encoded ? Buffer.from(request.body, "base64") : request.body;
  const { id, type, content } = JSON.parse(raw);
  if (type !== "AUTOMATION/MESSAGE_RECEIVED") return { statusCode: 200, body: "" };
  const thread = threadId(content.sessionId);
  for (let tries = 0; tries < TRIES; tries++) {
    const state = await load(thread);
    if (state.seen.has(id)) break;
    const at = Math.max(Date.now(), state.last);
    const events = [];
    if (!state.open) {
      events.push({ type: "opened", session: content.sessionId, customer: content.customerId });
    }
    events.push({ type: "received", id, message: content.message.id, content: content.message.content });
    if (await append(thread, state.seq + 1, at, events)) break;
  }
  console.log(JSON.stringify({ level: "INFO", message: "a webhook was taken in", what: "event" }));
  return { statusCode: 200, body: "" };
}

serve(handle);
