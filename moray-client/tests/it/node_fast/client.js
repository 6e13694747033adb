/*
 * A client of node-fast. Usage: node client.js DIRECTORY_WITH_NODE_MODULES PORT VERSION; prints what it was answered,
 * as JSON: {echo: [...], error: {name, message, context}, unsupported: message, many: n}
 */
var net = require('net');
var path = require('path');
var modules = path.join(path.resolve(process.argv[2]), 'node_modules');
var fast = require(path.join(modules, 'fast'));
var bunyan = require(path.join(modules, 'bunyan'));
var VError = require(path.join(modules, 'verror'));

var log = bunyan.createLogger({ name: 'client', level: 'fatal' });
var socket = net.connect({ host: '127.0.0.1', port: Number(process.argv[3]) });

socket.on('connect', function () {
    var client = new fast.FastClient({
        log: log, nRecentRequests: 5, transport: socket, version: Number(process.argv[4]) });
    var result = {};
    var left = 3 + 100;
    result.many = 0;

    function request(method, args, callback) {
        client.rpcBufferAndCallback({ rpcmethod: method, rpcargs: args, maxObjectsToBuffer: 100000 },
            function (error, values) {
                callback(error && VError.cause(VError.cause(error)), values);
                if (--left === 0) {
                    console.log(JSON.stringify(result));
                    process.exit(0);
                }
            });
    }

    request('echo', [ { s: 'é日本😀', n: 1e21, i: 123456789012345680000 }, [ 'x' ] ],
        function (error, values) { result.echo = values; });
    request('fail', [], function (error) {
        result.error = { name: error.name, message: error.message, context: error.context };
    });
    request('nothing', [], function (error) { result.unsupported = error.message; });
    for (var i = 0; i < 100; i++) {
        request('count', [ i ], (function (count) {
            return (function (error, values) {
                if (values.length === count)
                    result.many++;
            });
        })(i));
    }
});
