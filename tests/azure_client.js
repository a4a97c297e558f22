// Copies with Microsoft's own client (npm's @azure/storage-blob), as another tool than baton would:
//
//     node azure_client.js download CONTAINER PREFIX DIRECTORY
//     node azure_client.js upload   CONTAINER PREFIX DIRECTORY
//
// $AZURE_STORAGE_CONNECTION_STRING says where to, and with which key.
"use strict";
const fs = require("fs");
const path = require("path");
const {BlobServiceClient} = require("@azure/storage-blob");

async function download(container, prefix, directory) {
  for await (const blob of container.listBlobsFlat({prefix: prefix + "/"})) {
    const file = path.join(directory, blob.name.slice(prefix.length + 1));
    fs.mkdirSync(path.dirname(file), {recursive: true});
    await container.getBlobClient(blob.name).downloadToFile(file);
  }
}

async function upload(container, prefix, directory) {
  for (const entry of fs.readdirSync(directory, {recursive: true, withFileTypes: true})) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.path, entry.name);
    const blob = container.getBlockBlobClient(prefix + "/" + path.relative(directory, file));
    await blob.uploadFile(file, {blockSize: 1 << 20, maxSingleShotSize: 1 << 20});
  }
}

const [what, name, prefix, directory] = process.argv.slice(2);
const service = BlobServiceClient.fromConnectionString(process.env.AZURE_STORAGE_CONNECTION_STRING);
({download, upload})[what](service.getContainerClient(name), prefix, directory).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
