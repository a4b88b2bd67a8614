// Drives every endpoint with OpenAI's own package for Node; prints what it called and found, as JSON.
// node sdk.mjs FOLDER_OF_THE_PACKAGE BASE_URL TOKEN MODEL JOB
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const [folder, baseURL, apiKey, model, finished] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { default: OpenAI, toFile, NotFoundError, BadRequestError, AuthenticationError } = require("openai");

const calls = new Set();
const client = new OpenAI({
  baseURL,
  apiKey,
  maxRetries: 0,
  fetch: (url, init) => {
    calls.add(`${init.method.toUpperCase()} ${new URL(url).pathname}`);
    return fetch(url, init);
  },
});

async function refusal(work, kind) {
  try {
    await work;
  } catch (error) {
    if (error instanceof kind) return { status: error.status, code: error.code, param: error.param };
    throw error;
  }
  throw new Error("not refused");
}

const row = JSON.stringify({
  messages: [
    { role: "user", content: "What is it?" },
    { role: "assistant", content: "A größer lamp ☃." },
  ],
});
const content = Array(12).fill(row).join("\n");
const found = {};

const file = await client.files.create({
  file: await toFile(Buffer.from(content), "train.jsonl"),
  purpose: "fine-tune",
  expires_after: { anchor: "created_at", seconds: 3600 },
});
found.expires = file.expires_at - file.created_at;
found.same = (await (await client.files.content(file.id)).text()) === content;
found.retrieved = (await client.files.retrieve(file.id)).filename;
found.listed = [];
for await (const one of client.files.list({ purpose: "fine-tune", limit: 1 })) {
  found.listed.push(one.id);
  if (found.listed.length === 2) break;
}
found.listed = found.listed[0] === file.id;

const bytes = Buffer.from(content);
const upload = await client.uploads.create({
  bytes: bytes.length,
  filename: "big.jsonl",
  mime_type: "text/jsonl",
  purpose: "fine-tune",
});
const parts = [];
for (const piece of [bytes.subarray(0, 100), bytes.subarray(100)]) {
  parts.push(await client.uploads.parts.create(upload.id, { data: await toFile(piece, "part") }));
}
const md5 = createHash("md5").update(bytes).digest("hex");
const done = await client.uploads.complete(upload.id, { part_ids: parts.map((part) => part.id), md5 });
found.upload = [done.status, done.file.bytes === bytes.length];
const second = await client.uploads.create({ bytes: 1, filename: "x", mime_type: "text/x", purpose: "evals" });
found.cancelled = (await client.uploads.cancel(second.id)).status;

const job = await client.fineTuning.jobs.create({
  model,
  training_file: file.id,
  suffix: "node",
  metadata: { from: "node" },
  method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 50, batch_size: 1 } } },
});
found.job = [job.object, job.method.supervised.hyperparameters.n_epochs];
found.mine = [];
for await (const one of client.fineTuning.jobs.list({ limit: 1, metadata: { from: "node" } })) found.mine.push(one.id);
found.mine = found.mine.length === 1 && found.mine[0] === job.id;
const checkpoints = (await client.fineTuning.jobs.checkpoints.list(finished)).data;
found.checkpoints = checkpoints.map((one) => one.object);
const tuned = (await client.fineTuning.jobs.retrieve(finished)).fine_tuned_model;

found.models = [];
for await (const one of client.models.list()) found.models.push(one.id);
found.model = (await client.models.retrieve(tuned)).owned_by;
const messages = [{ role: "user", content: "What is the capital of France?" }];
const whole = await client.chat.completions.create({
  model,
  messages,
  temperature: 0,
  max_tokens: 24,
  logprobs: true,
  top_logprobs: 2,
});
found.answer = whole.choices[0].message.content;
found.logprobs = whole.choices[0].logprobs.content.map((one) => one.top_logprobs.length);
const stream = await client.chat.completions.create({
  model,
  messages,
  temperature: 0,
  max_tokens: 24,
  stream: true,
  stream_options: { include_usage: true },
});
found.streamed = "";
for await (const chunk of stream) {
  found.streamed += chunk.choices[0]?.delta?.content ?? "";
  found.usage = chunk.usage;
}
found.helper = await client.chat.completions
  .stream({ model: checkpoints[0].fine_tuned_model_checkpoint, messages, temperature: 0, max_tokens: 3 })
  .finalContent();
const state = async () => (await client.fineTuning.jobs.retrieve(job.id)).status;
while (["validating_files", "queued"].includes(await state())) await new Promise((go) => setTimeout(go, 100));
await client.fineTuning.jobs.pause(job.id);
while ((await state()) === "running") await new Promise((go) => setTimeout(go, 100));
found.paused = await state();
found.resumed = (await client.fineTuning.jobs.resume(job.id)).status;
await client.fineTuning.jobs.cancel(job.id);
while ((await state()) === "running") await new Promise((go) => setTimeout(go, 100));
found.ended = await state();
found.events = [];
for await (const event of client.fineTuning.jobs.listEvents(job.id, { limit: 2 })) found.events.push(event.message);
found.errors = [
  await refusal(client.files.retrieve("file-none"), NotFoundError),
  await refusal(client.chat.completions.create({ model, messages, n: 2 }), BadRequestError),
  await refusal(client.withOptions({ apiKey: "wrong" }).models.list(), AuthenticationError),
];
found.deleted = [(await client.files.delete(file.id)).deleted, (await client.models.delete(tuned)).deleted];
const paths = [...calls].map((call) =>
  call.replace(/(file-|upload_|ftjob-)[^/]+/, "{id}").replace(/models\/.+/, "models/{id}"),
);
console.log(JSON.stringify({ calls: [...new Set(paths)].sort(), found }));
