// What npm's onvif finds, reads, steers and hears of one device, as one line of JSON.
const { Discovery } = require("onvif");
const { promisify } = require("node:util");

const [username, password] = process.argv.slice(2);
const DEADLINE = 60_000;

function found() {
  return new Promise((resolve, reject) => {
    Discovery.on("device", (cam) => resolve(cam));
    Discovery.on("error", reject);
    Discovery.probe({ timeout: 10_000 });
  });
}

function heard(cam, topic) {
  return new Promise((resolve) => {
    cam.on("event", (message) => {
      const data = message.message.message.data.simpleItem;
      const operation = message.message.message.$.PropertyOperation;
      // First come the states as they are; what moves just then is in them already.
      if (message.topic._.endsWith(topic) && operation === "Changed" && data.$.Value === true) {
        cam.removeAllListeners("event");
        resolve({ topic: message.topic._, operation });
      }
    });
  });
}

async function arrived(ask) {
  for (;;) {
    const status = await ask("getStatus", {});
    if (status.moveStatus.panTilt === "IDLE" && status.moveStatus.zoom === "IDLE") return status;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function main() {
  const cam = await found();
  cam.username = username;
  cam.password = password;
  const ask = (name, ...options) => promisify(cam[name].bind(cam))(...options);
  await ask("connect");
  const told = {
    address: cam.xaddrs[0].href,
    time: await ask("getSystemDateAndTime"),
    information: await ask("getDeviceInformation"),
    hostname: await ask("getHostname"),
    scopes: (await ask("getScopes")).map((one) => one.scopeItem),
    services: (await ask("getServices", true)).map((one) => one.namespace),
    profiles: cam.profiles.map((one) => one.$.token),
    uri: (await ask("getStreamUri", { protocol: "RTSP" })).uri,
    snapshot: (await ask("getSnapshotUri", {})).uri,
    imaging: await ask("getImagingSettings"),
    nodes: Object.keys(await ask("getNodes")),
  };
  await ask("absoluteMove", { x: 0.5, y: -0.25, zoom: 0.5 });
  await arrived(ask);
  told.preset = await ask("setPreset", { presetName: "door" });
  const presets = await ask("getPresets");
  told.presets = Object.fromEntries(Object.entries(presets).map(([name, one]) => [name, one.$.token]));
  await ask("gotoHomePosition", {});
  await ask("continuousMove", { x: 0.1, y: 0, zoom: 0 });
  await ask("stop", { panTilt: true, zoom: true });
  await ask("gotoPreset", { preset: told.presets.door });
  told.status = await arrived(ask);
  told.event = await heard(cam, "MotionAlarm");
  console.log(JSON.stringify(told));
  process.exit(0);
}

setTimeout(() => {
  console.error("nothing was found or heard in time");
  process.exit(1);
}, DEADLINE).unref();
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
