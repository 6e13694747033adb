/* A server of node-fast. Usage: node server.js DIRECTORY_WITH_NODE_MODULES; prints its port. */
var net = require('net');
var path = require('path');
var modules = path.join(path.resolve(process.argv[2]), 'node_modules');
var fast = require(path.join(modules, 'fast'));
var bunyan = require(path.join(modules, 'bunyan'));

var log = bunyan.createLogger({ name: 'server', level: 'fatal' });
var listener = net.createServer();
var server = new fast.FastServer({ log: log, server: listener });

server.registerRpcMethod({ rpcmethod: 'echo', rpchandler: function (rpc) {
    rpc.argv().forEach(function (value) { rpc.write({ value: value }); });
    rpc.end();
} });
server.registerRpcMethod({ rpcmethod: 'fail', rpchandler: function (rpc) {
    var error = new Error('m::k was expected to have etag "é", but was "null"');
    error.name = 'EtagConflictError';
    error.context = { bucket: 'm', key: 'k', expected: 'é', actual: 'null' };
    rpc.write({ value: 'before' });
    setImmediate(function () { rpc.fail(error); });
} });
server.registerRpcMethod({ rpcmethod: 'reverse', rpchandler: function (rpc) {
    /* Later requests are answered earlier. */
    setTimeout(function () { rpc.end({ value: rpc.argv()[0] }); }, 200 - rpc.argv()[0]);
} });
server.registerRpcMethod({ rpcmethod: 'count', rpchandler: function (rpc) {
    for (var i = 0; i < rpc.argv()[0]; i++)
        rpc.write({ value: i });
    rpc.end();
} });

listener.listen(0, '127.0.0.1', function () { console.log(listener.address().port); });
process.stdin.resume();
process.stdin.on('end', function () { process.exit(0); });
