'use strict';
// The frame of a client program that the driver talks to. program.py is its twin and tells what is said.

const readline = require('readline');
const {Load} = require('./load.js');
const {runChecks} = require('./scenario.js');

function say(...words) {
    process.stdout.write(`${JSON.stringify(words)}\n`);
}

async function runLoad(adapter, config, orders) {
    const load = new Load(adapter, config, say);
    orders.handle = ([order, port]) => {
        if (order === 'killing') {
            load.nodeKilling(Number(port));
        } else if (order === 'killed') {
            load.nodeKilled();
        } else if (order === 'restarted') {
            load.nodeRestarted();
        } else {
            load.isStopped = true;
        }
    };
    await load.run();
    say('finished', await load.finish());
}

async function main(makeAdapter) {
    const config = JSON.parse(process.argv[2]);
    const orders = {handle: null};
    const first = new Promise((resolve) => {
        orders.handle = ([order]) => resolve(order);
    });
    const lines = readline.createInterface({input: process.stdin});
    lines.on('line', (line) => orders.handle(line.split(' ')));
    lines.on('close', () => orders.handle(['finish']));
    const adapter = await makeAdapter(config);
    await runChecks(adapter, config, say);
    say('checked');
    if (await first === 'load') {
        await runLoad(adapter, config, orders);
    }
    process.exit(0);
}

module.exports = {main};
