// Loopback ports that lead to mounted unix sockets. Arguments: the folder, the ports.
const fs = require("fs");
const net = require("net");

const [folder, ports] = process.argv.slice(2);
let waiting = ports.split(",").length;

for (const port of ports.split(",")) {
  net
    .createServer({ allowHalfOpen: true, noDelay: true }, (inner) => {
      const outer = net.connect({ path: `${folder}/${port}.sock`, allowHalfOpen: true });
      inner.on("error", () => outer.destroy());
      outer.on("error", () => inner.destroy());
      inner.pipe(outer);
      outer.pipe(inner);
    })
    .listen(Number(port), "127.0.0.1", () => {
      waiting -= 1;
      if (waiting === 0) {
        fs.writeSync(1, "ready");
        fs.closeSync(1);
        fs.openSync("/dev/null", "w"); // takes the place of what was closed: pipe() looks at it
      }
    });
}
