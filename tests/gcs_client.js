// Copies with Google's own client (npm's @google-cloud/storage), as another tool than baton would:
//
//     node gcs_client.js download BUCKET PREFIX DIRECTORY
//     node gcs_client.js upload   BUCKET PREFIX DIRECTORY
//
// $STORAGE_EMULATOR_HOST says where to. Downloads and uploads are verified by CRC-32C.
"use strict";
const fs = require("fs");
const path = require("path");

const apiEndpoint = process.env.STORAGE_EMULATOR_HOST;
delete process.env.STORAGE_EMULATOR_HOST; // the library would leave /storage/v1 out of its paths then
const {Storage} = require("@google-cloud/storage");

async function download(bucket, prefix, directory) {
  const [files] = await bucket.getFiles({prefix: prefix + "/"});
  for (const object of files) {
    const file = path.join(directory, object.name.slice(prefix.length + 1));
    fs.mkdirSync(path.dirname(file), {recursive: true});
    await object.download({destination: file, validation: "crc32c"});
  }
}

async function upload(bucket, prefix, directory) {
  let large = false;
  for (const entry of fs.readdirSync(directory, {recursive: true, withFileTypes: true})) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.path, entry.name);
    large = !large; // both kinds of upload
    const destination = prefix + "/" + path.relative(directory, file);
    await bucket.upload(file, {destination, resumable: large, validation: "crc32c"});
  }
}

const [what, name, prefix, directory] = process.argv.slice(2);
const storage = new Storage({projectId: "test", apiEndpoint});
({download, upload})[what](storage.bucket(name), prefix, directory).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
