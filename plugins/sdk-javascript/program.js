// Where the program around a connector stands; `build.js` writes it.
