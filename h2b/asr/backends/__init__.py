"""Speech models under the `SpeechModel` contract. A module here may import its engine, and no other module may."""
