// Preloaded into a Node.js server that has no option for its address: what it listens on by port
// alone, it listens on at 127.0.0.1.
const net = require("node:net");

const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (...given) {
  const [first, ...rest] = given;
  const port = typeof first === "object" && first !== null ? first.port : first;
  if (port === undefined || typeof port === "function") return listen.apply(this, given);
  const callback = rest.find((each) => typeof each === "function");
  return listen.call(this, { port: Number(port), host: "127.0.0.1" }, callback);
};
