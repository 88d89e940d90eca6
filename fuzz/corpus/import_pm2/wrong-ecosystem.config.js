module.exports = require('./elsewhere');
